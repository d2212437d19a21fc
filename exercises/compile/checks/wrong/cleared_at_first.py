"""Clears the caches where the text begins: an `if` on a tensor."""

import torch.nn.functional as F

HINT = "bool() of a tensor"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    if bool(position == 0):
        for keys, values in caches:
            keys.zero_()
            values.zero_()
    seen = mask(position, caches[0][0].shape[2])
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        update(cache, k, v, position)
        attended = F.scaled_dot_product_attention(q, *cache, attn_mask=seen)
        x = layer.finish(x, attended)
    return model.logits(x)
