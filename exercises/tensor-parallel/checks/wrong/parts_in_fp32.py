"""Parts are copied into fresh memory, which is fp32."""

import torch

HINT = "has the dtype of its weight"


def layer_part(weights, heads, kv_heads, rank, ranks, right=layer_part):
    part = right(weights, heads, kv_heads, rank, ranks)
    return {name: torch.empty(one.shape).copy_(one) for name, one in part.items()}
