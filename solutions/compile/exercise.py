"""A static KV cache and a step that compiles to one graph, solved."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Cache = tuple[Tensor, Tensor]


def make_cache(batch: int, heads: int, length: int, size: int, dtype: torch.dtype) -> Cache:
    shape = (batch, heads, length, size)
    return torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype)


def update(cache: Cache, k: Tensor, v: Tensor, position: Tensor) -> None:
    keys, values = cache
    keys.index_copy_(2, position, k)
    values.index_copy_(2, position, v)


def mask(position: Tensor, length: int) -> Tensor:
    places = torch.arange(length, device=position.device)
    return places <= position[:, None]


def decode(model, caches: list[Cache], token: Tensor, position: Tensor) -> Tensor:
    x = model.embed(token, position)
    seen = mask(position, caches[0][0].shape[2])  # the same for all layers
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        update(cache, k, v, position)  # first: a token sees itself
        keys, values = cache
        attended = F.scaled_dot_product_attention(q, keys, values, attn_mask=seen)
        x = layer.finish(x, attended)
    return model.logits(x)


def generate(
    step: Callable[..., Tensor], model, caches: list[Cache], prompt: list[Tensor], count: int
) -> Tensor:
    made: list[Tensor] = []
    for place in range(len(prompt) + count - 1):
        token = prompt[place] if place < len(prompt) else made[-1]
        position = torch.tensor([place], device=token.device)  # a tensor: an int is a constant
        logits = step(model, caches, token, position)
        if place >= len(prompt) - 1:
            made.append(logits.argmax(-1))
    return torch.stack(made, dim=1)
