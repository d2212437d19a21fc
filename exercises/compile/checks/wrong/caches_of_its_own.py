"""The caches that are given are not used."""

import torch

HINT = "they may be used again"


def generate(step, model, caches, prompt, count, right=generate):
    own = [tuple(torch.zeros_like(one) for one in cache) for cache in caches]
    return right(step, model, own, prompt, count)
