"""One sample in place of the mean."""

# figures: wrong-one-sample
HINT = "sample 5 alone"
ANSWERS = {"measured_quantize": 272.455}
# end
