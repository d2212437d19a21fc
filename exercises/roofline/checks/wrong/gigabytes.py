"""The column beside it."""

# figures: wrong-gigabytes
HINT = "bandwidth in GB/s"
ANSWERS = {"measured_compile": 26.9127}
# end
