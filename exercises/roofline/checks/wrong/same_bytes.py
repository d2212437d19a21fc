"""The roof of bf16 for int8."""

HINT = "quantize has 7.66 MB"
ANSWERS = {"predicted_quantize": 12660}
