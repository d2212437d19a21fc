"""is_causal for a single query, which then sees the first place alone."""

HINT = "sees the first place alone"


class F:
    rms_norm, linear, silu = F.rms_norm, F.linear, F.silu

    @staticmethod
    def scaled_dot_product_attention(q, k, v, is_causal, enable_gqa):
        attend = torch.nn.functional.scaled_dot_product_attention
        return attend(q, k, v, is_causal=True, enable_gqa=enable_gqa)
