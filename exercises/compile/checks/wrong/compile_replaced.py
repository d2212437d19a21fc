"""torch.compile is replaced by something that compiles nothing."""

import torch
import torch.nn.functional as F

HINT = ".item() or int(position)"


def decode(model, caches, token, position):
    x = model.embed(token, position)
    at = position.item()
    for layer, cache in zip(model.layers, caches, strict=True):
        q, k, v = layer.project(x)
        for old, new in zip(cache, (k, v), strict=True):
            old[:, :, at : at + 1] = new
        keys, values = cache[0][:, :, : at + 1], cache[1][:, :, : at + 1]
        x = layer.finish(x, F.scaled_dot_product_attention(q, keys, values))
    return model.logits(x)


torch.compile = lambda function=None, **options: function if function else (lambda f: f)
