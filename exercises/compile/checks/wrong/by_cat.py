"""The cache put together anew, and lost."""

import torch

HINT = "write into the cache that is given"


def update(cache, k, v, position):
    keys, values = cache
    place = int(position)
    keys = torch.cat([keys[:, :, :place], k, keys[:, :, place + 1 :]], dim=2)
    values = torch.cat([values[:, :, :place], v, values[:, :, place + 1 :]], dim=2)
    cache = (keys, values)
