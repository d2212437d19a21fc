"""keys + 0: a copy of the cache at every step."""

import torch.nn.functional as F

HINT = "whole new cache at every step"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    seen = mask(position, caches[0][0].shape[2])
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        update(cache, k, v, position)
        keys, values = cache[0] + 0, cache[1] * 1
        x = layer.finish(x, F.scaled_dot_product_attention(q, keys, values, attn_mask=seen))
    return model.logits(x)
