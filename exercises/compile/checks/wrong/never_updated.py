"""The step attends to a cache that nobody fills."""

import torch.nn.functional as F

HINT = "update is never called"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    seen = mask(position, caches[0][0].shape[2])
    for layer, cache in zip(model.layers, caches, strict=True):
        q, _, _ = layer.project(x)
        x = layer.finish(x, F.scaled_dot_product_attention(q, *cache, attn_mask=seen))
    return model.logits(x)
