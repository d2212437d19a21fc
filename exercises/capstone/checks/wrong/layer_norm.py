"""The mean is subtracted, too."""

HINT = "that is LayerNorm"


class F:
    linear, silu = F.linear, F.silu
    scaled_dot_product_attention = F.scaled_dot_product_attention

    @staticmethod
    def rms_norm(x, shape, weight, eps):
        return torch.nn.functional.layer_norm(x, shape, weight, None, eps)
