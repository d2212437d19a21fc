"""The roof of bf16 for int8."""

# figures: wrong-same-bytes
HINT = "quantize has 110 MB"
ANSWERS = {"predicted_quantize": 158.812}
# end
