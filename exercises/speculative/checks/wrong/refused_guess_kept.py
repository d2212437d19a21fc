"""The refused guess in place of the correction."""

import torch

HINT = "not the refused guess"


def accept_greedy(logits, proposed):
    own = logits.argmax(-1)
    kept = int((own[:-1] == proposed).int().cumprod(0).sum())
    return torch.cat([proposed, own[-1:]])[: kept + 1]
