"""One layer on several ranks, solved."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor


def share(size: int, rank: int, ranks: int) -> tuple[int, int]:
    return size * rank // ranks, size * (rank + 1) // ranks


def column_part(weight: Tensor, rank: int, ranks: int) -> Tensor:
    start, stop = share(weight.shape[0], rank, ranks)
    return weight[start:stop].clone()  # a slice alone is a view, and keeps the whole


def row_part(weight: Tensor, rank: int, ranks: int) -> Tensor:
    start, stop = share(weight.shape[1], rank, ranks)
    return weight[:, start:stop].clone()


def kv_share(heads: int, kv_heads: int, rank: int, ranks: int) -> tuple[int, int]:
    group = heads // kv_heads
    start, stop = share(heads, rank, ranks)
    return start // group, (stop - 1) // group + 1


def layer_part(
    weights: dict[str, Tensor], heads: int, kv_heads: int, rank: int, ranks: int
) -> dict[str, Tensor]:
    size = weights["q"].shape[0] // heads
    start, stop = (head * size for head in kv_share(heads, kv_heads, rank, ranks))
    return {
        "q": column_part(weights["q"], rank, ranks),  # heads divide evenly: no head is cut
        "k": weights["k"][start:stop].clone(),
        "v": weights["v"][start:stop].clone(),
        "o": row_part(weights["o"], rank, ranks),
        "gate": column_part(weights["gate"], rank, ranks),
        "up": column_part(weights["up"], rank, ranks),
        "down": row_part(weights["down"], rank, ranks),
    }


def column_linear(x: Tensor, weight: Tensor) -> Tensor:
    return x @ weight.T


def row_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    y = x @ weight.T  # of every output, what this rank's inputs give
    dist.all_reduce(y)
    return y if bias is None else y + bias  # after the sum: once


def layer(x: Tensor, part: dict[str, Tensor], size: int) -> Tensor:
    h = unit(x)
    q, k, v = (column_linear(h, part[name]) for name in ("q", "k", "v"))
    x = x + row_linear(attend(q, k, v, size), part["o"], None)
    h = unit(x)
    gated = F.silu(column_linear(h, part["gate"])) * column_linear(h, part["up"])
    return x + row_linear(gated, part["down"], None)


def unit(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)


def attend(q: Tensor, k: Tensor, v: Tensor, size: int) -> Tensor:
    q, k, v = (each.unflatten(-1, (-1, size)).transpose(0, 1) for each in (q, k, v))
    group = q.shape[0] // k.shape[0]  # query heads for each key/value head
    k, v = (each.repeat_interleave(group, dim=0) for each in (k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(0, 1).flatten(1)
