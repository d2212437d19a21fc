"""The column beside it."""

# figures: wrong-gigabytes
HINT = "bandwidth in GB/s"
ANSWERS = {"measured_compile": 33.6737}
# end
