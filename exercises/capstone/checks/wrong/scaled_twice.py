"""Scores are divided by the head's size."""

HINT = "and not by its root"


class F:
    rms_norm, linear, silu = F.rms_norm, F.linear, F.silu

    @staticmethod
    def scaled_dot_product_attention(q, k, v, **options):
        attend = torch.nn.functional.scaled_dot_product_attention
        return attend(q, k, v, scale=1 / q.shape[-1], **options)
