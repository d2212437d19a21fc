"""The prompt's tokens see those after them."""

HINT = "mask is missing"


class F:
    rms_norm, linear, silu = F.rms_norm, F.linear, F.silu
    attend = F.scaled_dot_product_attention

    @classmethod
    def scaled_dot_product_attention(cls, q, k, v, is_causal, enable_gqa):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=enable_gqa)
