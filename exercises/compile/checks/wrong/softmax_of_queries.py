"""The softmax is over the dimension of the one query."""

import torch

HINT = "softmax is over a dimension of one"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    seen = mask(position, caches[0][0].shape[2])
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        update(cache, k, v, position)
        keys, values = cache
        scores = (q @ keys.mT / q.shape[3] ** 0.5).masked_fill(~seen, float("-inf"))
        x = layer.finish(x, torch.softmax(scores, dim=2).nan_to_num() @ values)
    return model.logits(x)
