"""Counts places in int16, which ends at 32767."""

import torch

CHECK = "the mask of a long text"


def mask(position, length):
    return torch.arange(length).to(torch.int16) <= position.to(torch.int16)[:, None]
