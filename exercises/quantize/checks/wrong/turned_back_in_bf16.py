"""Values and scale in bf16."""

HINT = "16 bits are too coarse"


def dequantize_rows(values, scale):
    return (values.bfloat16() * scale.bfloat16()[:, None]).float()
