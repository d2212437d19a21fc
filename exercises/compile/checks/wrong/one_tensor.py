"""Keys and values are the same tensor."""

import torch

HINT = "two names of one tensor"


def make_cache(batch, heads, length, size, dtype):
    room = torch.zeros(batch, heads, length, size, dtype=dtype)
    return room, room
