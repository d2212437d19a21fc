"""The cache is put together anew, by way of numpy."""

import torch

HINT = "whole new cache"


def update(cache, k, v, position):
    for old, new in zip(cache, (k, v), strict=True):
        both = old.float().numpy().copy()
        both[:, :, int(position)] = new.float().numpy()[:, :, 0]
        old.copy_(torch.from_numpy(both))
