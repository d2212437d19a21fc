"""Drawn, where it should be greedy."""

import torch

HINT = "changes from call to call"


def accept_greedy(logits, proposed):
    own = torch.multinomial(logits.softmax(-1), 1)[:, 0]
    kept = int((own[:-1] == proposed).int().cumprod(0).sum())
    return own[: kept + 1]
