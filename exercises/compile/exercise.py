"""A KV cache of a fixed size, and a decode step around it that compiles to one graph.

Letters in shapes: B batch, H heads, S places in the cache, D size of a head. A cache is a pair
(keys, values) for one layer. `position` is a tensor [1], int64: where in the text the token at hand
stands, counted from 0; all sequences of a batch are at the same one.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Cache = tuple[Tensor, Tensor]


def make_cache(batch: int, heads: int, length: int, size: int, dtype: torch.dtype) -> Cache:
    """Room for the keys and values of ``length`` tokens in one layer, all zero.

    Returns:
        keys, values: [batch, heads, length, size] of ``dtype`` each.
    """
    raise NotImplementedError


def update(cache: Cache, k: Tensor, v: Tensor, position: Tensor) -> None:
    """Write the key and the value of one token into the cache, in place.

    Args:
        cache: keys and values, [B, H, S, D] each. Nothing but the place ``position`` changes.
        k, v: [B, H, 1, D], of the dtype of the cache.
        position: [1], int64, from 0 to S - 1. It is not changed, and neither are k and v.
    """
    raise NotImplementedError


def mask(position: Tensor, length: int) -> Tensor:
    """Which places of the cache the token at ``position`` may see: what is written, and itself.

    Args:
        position: [1], int64; is not changed.
        length: S, of any size.

    Returns:
        [1, length], bool: True where it may see.
    """
    raise NotImplementedError


def decode(model, caches: list[Cache], token: Tensor, position: Tensor) -> Tensor:
    """One step: logits of what comes after ``token``. It must compile to one graph.

    The model (workshop.learn.little.Little) does what is not the point here:

        x = model.embed(token, position)        [B, 1, dim]
        for layer in model.layers:
            q, k, v = layer.project(x)          [B, H, 1, D] each
            ...                                 yours: attention over the cache, [B, H, 1, D]
            x = layer.finish(x, attended)       [B, 1, dim]
        return model.logits(x)                  [B, vocab]

    Attention is softmax(q @ keys.T / sqrt(D)) @ values over what ``mask`` lets it see;
    torch.nn.functional.scaled_dot_product_attention(q, keys, values, attn_mask=...) is just that.

    Args:
        caches: one for each layer; the token's own key and value are written into them.
        token: [B], int64; is not changed.
        position: [1], int64; is not changed.
    """
    raise NotImplementedError


def generate(
    step: Callable[..., Tensor], model, caches: list[Cache], prompt: list[Tensor], count: int
) -> Tensor:
    """Read the prompt, one token a step, then make ``count`` more, always the likeliest.

    ``step(model, caches, token, position)`` is ``decode``, compiled or not. It must not be compiled
    anew for each position. There are len(prompt) + count - 1 steps: the last new token is not fed.

    Args:
        caches: those that every step works on; may still hold what an earlier prompt left there.
        prompt: its tokens, [B] int64 each; the first one is at position 0. Is not changed.
        count: 1 or more.

    Returns:
        The tokens made, [B, count], int64.
    """
    raise NotImplementedError
