"""The column beside it."""

# figures: wrong-gigabytes
HINT = "bandwidth in GB/s"
ANSWERS = {"measured_compile": 24.7788}
# end
