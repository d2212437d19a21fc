"""A new cache at each step, filled from the old one."""

import torch.nn.functional as F

HINT = "whole new cache at every step"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    seen = mask(position, caches[0][0].shape[2])
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        keys, values = make_cache(*cache[0].shape, cache[0].dtype)
        keys.copy_(cache[0])
        values.copy_(cache[1])
        update((keys, values), k, v, position)
        update(cache, k, v, position)
        x = layer.finish(x, F.scaled_dot_product_attention(q, keys, values, attn_mask=seen))
    return model.logits(x)
