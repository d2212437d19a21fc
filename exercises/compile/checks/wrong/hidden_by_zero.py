"""A hidden score becomes 0, which is no small score."""

import torch

HINT = "exp(0) is 1"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    seen = mask(position, caches[0][0].shape[2])
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        update(cache, k, v, position)
        keys, values = cache
        scores = q @ keys.transpose(2, 3) / q.shape[3] ** 0.5 * seen
        x = layer.finish(x, torch.softmax(scores, dim=-1) @ values)
    return model.logits(x)
