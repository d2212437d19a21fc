"""All layers write to the first one's cache."""

import torch.nn.functional as F

HINT = "cache of its own"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    seen = mask(position, caches[0][0].shape[2])
    for layer in model.layers:
        q, k, v = layer.project(x)
        update(caches[0], k, v, position)
        x = layer.finish(x, F.scaled_dot_product_attention(q, *caches[0], attn_mask=seen))
    return model.logits(x)
