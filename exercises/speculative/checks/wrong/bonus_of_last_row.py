"""The token after the kept ones is always the last row's."""

import torch

HINT = "not of the last row"


def accept_greedy(logits, proposed):
    own = logits.argmax(-1)
    kept = int((own[:-1] == proposed).int().cumprod(0).sum())
    return torch.cat([own[:kept], own[-1:]])
