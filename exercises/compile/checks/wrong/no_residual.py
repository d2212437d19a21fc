"""What attention gave, without x."""

import torch
import torch.nn.functional as F

HINT = "x is lost"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    seen = mask(position, caches[0][0].shape[2])
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        update(cache, k, v, position)
        attended = F.scaled_dot_product_attention(q, *cache, attn_mask=seen)
        x = layer.finish(torch.zeros_like(x), attended)
    return model.logits(x)
