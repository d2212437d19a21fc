# A cache cut out of a larger tensor; the mask is made for each layer; two loops generate.
import torch
import torch.nn.functional as F


def make_cache(batch, heads, length, size, dtype):
    room = torch.zeros(batch, heads, 2, length + 3, size, dtype=dtype)
    return room[:, :, 0, :length], room[:, :, 1, :length]


def update(cache, k, v, position):
    for store, new in zip(cache, (k, v), strict=True):
        store.index_fill_(2, position, 0).index_add_(2, position, new)


def mask(position, length):
    return torch.where(torch.arange(length) > position, False, True).view(1, length)


def decode(model, caches, token, position):
    x = model.embed(token, position)
    for layer, (keys, values) in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        update((keys, values), k, v, position)
        seen = mask(position, keys.shape[-2])[None, None]
        x = layer.finish(x, F.scaled_dot_product_attention(q, keys, values, seen, 0.0))
    return model.logits(x)


def generate(step, model, caches, prompt, count):
    for place, token in enumerate(prompt):
        logits = step(model, caches, token.clone(), torch.full((1,), place))
    tokens = [logits.argmax(dim=-1)]
    for place in range(len(prompt), len(prompt) + count - 1):
        logits = step(model, caches, tokens[-1], torch.full((1,), place))
        tokens.append(logits.max(dim=-1).indices)
    return torch.cat([token[:, None] for token in tokens], dim=1)
