"""is_causal in place of the mask: one query sees the first place alone."""

import torch.nn.functional as F

HINT = "sees place 0 alone"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        update(cache, k, v, position)
        x = layer.finish(x, F.scaled_dot_product_attention(q, *cache, is_causal=True))
    return model.logits(x)
