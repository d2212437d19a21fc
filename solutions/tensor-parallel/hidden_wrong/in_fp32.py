"""Key and value parts are copied into fresh memory, which is fp32."""

import torch

CHECK = "a layer in bf16"


def layer_part(weights, heads, kv_heads, rank, ranks, right=layer_part):
    part = right(weights, heads, kv_heads, rank, ranks)
    return {name: torch.empty(one.shape).copy_(one) for name, one in part.items()}
