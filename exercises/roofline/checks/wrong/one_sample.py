"""One sample in place of the mean."""

# figures: wrong-one-sample
HINT = "sample 2 alone"
ANSWERS = {"measured_quantize": 191.39}
# end
