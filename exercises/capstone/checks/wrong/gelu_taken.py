"""Another activation."""

HINT = "not gelu"


class F:
    rms_norm, linear, silu = F.rms_norm, F.linear, F.gelu
    scaled_dot_product_attention = F.scaled_dot_product_attention
