"""The token's own key and value are written after attention."""

import torch.nn.functional as F

HINT = "attend then"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    seen = mask(position, caches[0][0].shape[2])
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        attended = F.scaled_dot_product_attention(q, *cache, attn_mask=seen)
        update(cache, k, v, position)
        x = layer.finish(x, attended)
    return model.logits(x)
