"""The position is counted in Python, and so goes wrong at the second prompt."""

import torch

HINT = "kept from step to step"

positions = []
placed_decode = decode


def decode(model, caches, token, position):
    positions.append(len(positions))
    place = torch.tensor([positions[-1] % caches[0][0].shape[2]])
    return placed_decode(model, caches, token, place)
