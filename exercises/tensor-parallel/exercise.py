"""One layer on several ranks: each holds a part of every weight, and sums are added up over all.

A linear layer has a weight [out, in] and computes y = x @ weight.T. There are `ranks` processes;
`rank` counts from 0. T tokens, D numbers in a head. The ranks have met already:

    torch.distributed.all_reduce(y)     puts the sum over all ranks into y, in place, on every rank
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# --- which part is whose: no rank talks to another ------------------------------------------------


def share(size: int, rank: int, ranks: int) -> tuple[int, int]:
    """From where to where, of `size` things in a row, this rank's go: start <= i < stop.

    In the order of the ranks, every thing is one rank's, and no rank has more than one thing more
    than another. (10 over 4 ranks: two of them have 3, two have 2.) `size` is at least `ranks`.
    """
    raise NotImplementedError


def column_part(weight: Tensor, rank: int, ranks: int) -> Tensor:
    """Column-parallel: this rank makes its share of the OUTPUTS, from all inputs.

    Args:
        weight: [out, in], fp32 or bf16; is not changed.

    Returns:
        [share of out, in], in memory of its own: the whole weight is thrown away afterwards.
    """
    raise NotImplementedError


def row_part(weight: Tensor, rank: int, ranks: int) -> Tensor:
    """Row-parallel: this rank takes its share of the INPUTS, and makes a part of every output.

    Returns:
        [out, share of in], in memory of its own.
    """
    raise NotImplementedError


def kv_share(heads: int, kv_heads: int, rank: int, ranks: int) -> tuple[int, int]:
    """Which key/value heads the query heads of this rank look at: start <= head < stop.

    Grouped-query attention: heads / kv_heads neighbouring query heads look at the same key/value
    head: with 8 and 2 of them, query heads 0 to 3 look at 0, and 4 to 7 at 1. A rank has its share
    of the query heads; it needs every key/value head that one of those looks at, and no other.

    Args:
        heads: a multiple of `ranks` and of `kv_heads`.
        kv_heads: a multiple of `ranks`, or `ranks` is a multiple of it.
    """
    raise NotImplementedError


def layer_part(
    weights: dict[str, Tensor], heads: int, kv_heads: int, rank: int, ranks: int
) -> dict[str, Tensor]:
    """This rank's part of a layer: a dict with the same names, each in memory of its own.

    A part has the dtype of its weight, fp32 or bf16. The weights are not changed.

    Args:
        weights: of the whole layer; head h has rows h * D to (h + 1) * D of q (of k, of v), and
            these columns of o:
            q [heads * D, dim], k and v [kv_heads * D, dim], o [dim, heads * D],
            gate and up [hidden, dim], down [dim, hidden]. `hidden` need not divide evenly.
    """
    raise NotImplementedError


# --- at work: what follows runs on all ranks at once ----------------------------------------------


def column_linear(x: Tensor, weight: Tensor) -> Tensor:
    """This rank's outputs [T, share of out]; they stay where they are.

    Args:
        x: [T, in], whole, and the same on every rank.
        weight: what column_part gave, [share of out, in].
    """
    raise NotImplementedError


def row_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """All outputs [T, out], whole, and the same on every rank: one all-reduce.

    Args:
        x: this rank's inputs only, [T, share of in]; is not changed.
        weight: what row_part gave, [out, share of in].
        bias: [out], whole, and the same on every rank; or None.
    """
    raise NotImplementedError


def layer(x: Tensor, part: dict[str, Tensor], size: int) -> Tensor:
    """One layer of a Llama: attention and MLP, with two all-reduces.

    On one rank, where every part is whole, this would be

        h = unit(x)
        x = x + attend(h @ q.T, h @ k.T, h @ v.T, size) @ o.T
        h = unit(x)
        x = x + (F.silu(h @ gate.T) * (h @ up.T)) @ down.T

    Args:
        x: [T, dim], whole, and the same on every rank; is not changed.
        part: what layer_part gave on this rank.
        size: D.

    Returns:
        [T, dim], whole, and the same on every rank.
    """
    raise NotImplementedError


# --- given ----------------------------------------------------------------------------------------


def unit(x: Tensor) -> Tensor:
    """x [T, dim] with a root mean square of one."""
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)


def attend(q: Tensor, k: Tensor, v: Tensor, size: int) -> Tensor:
    """Attention, each token to itself and those before it.

    Args:
        q: [T, heads * D]; k and v: [T, kv_heads * D]. As many heads as there are in them.

    Returns:
        [T, heads * D].
    """
    q, k, v = (each.unflatten(-1, (-1, size)).transpose(0, 1) for each in (q, k, v))
    group = q.shape[0] // k.shape[0]  # query heads for each key/value head
    k, v = (each.repeat_interleave(group, dim=0) for each in (k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(0, 1).flatten(1)
