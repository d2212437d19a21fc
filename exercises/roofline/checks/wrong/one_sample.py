"""One sample in place of the mean."""

# figures: wrong-one-sample
HINT = "sample 4 alone"
ANSWERS = {"measured_quantize": 183.786}
# end
