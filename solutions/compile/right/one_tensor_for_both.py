# Keys and values are the halves of one tensor; attention by einsum; tokens into a table.
import math

import torch


def make_cache(batch, heads, length, size, dtype):
    return tuple(torch.zeros(2, batch, heads, length, size, dtype=dtype).unbind(0))


def update(cache, k, v, position):
    for store, new in zip(cache, (k, v), strict=True):
        store[:, :, position] = new


def mask(position, length):
    return ~(torch.arange(length)[None] > position[:, None])


def decode(model, caches, token, position):
    x = model.embed(token, position)
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        update(cache, k, v, position)
        keys, values = (one.float() for one in cache)
        scores = torch.einsum("bhtd,bhsd->bhts", q.float(), keys) / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(~mask(position, keys.shape[2]), float("-inf"))
        attended = torch.einsum("bhts,bhsd->bhtd", scores.softmax(-1), values)
        x = layer.finish(x, attended.to(x.dtype))
    return model.logits(x)


def generate(step, model, caches, prompt, count):
    position = torch.zeros(1, dtype=torch.int64)
    for token in prompt:
        logits = step(model, caches, token, position)
        position += 1
    made = torch.empty(prompt[0].shape[0], count, dtype=torch.int64)
    for i in range(count):
        made[:, i] = logits.argmax(dim=-1)
        if i + 1 < count:
            logits = step(model, caches, made[:, i], position)
            position += 1
    return made
