"""Ones and zeros, which torch adds to the scores."""

import torch

HINT = "give it bool"


def mask(position, length):
    return (torch.arange(length) <= position[:, None]).float()
