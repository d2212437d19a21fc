"""One sample in place of the mean."""

HINT = "sample 1 alone"
ANSWERS = {"measured_quantize": 1262.27}
