"""The column beside it."""

HINT = "bandwidth in GB/s"
ANSWERS = {"measured_compile": 7.07}
