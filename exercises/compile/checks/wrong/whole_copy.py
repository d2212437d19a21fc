"""All of the cache is made anew and copied, to change one place."""

import torch

HINT = "whole new cache"


def update(cache, k, v, position):
    for old, new in zip(cache, (k, v), strict=True):
        here = torch.arange(old.shape[2])[:, None] == position
        old.copy_(torch.where(here, new, old))
