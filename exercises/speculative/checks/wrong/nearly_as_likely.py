"""Kept if its logit is within 1e-3 of the largest."""

import torch

HINT = "near is not equal"


def accept_greedy(logits, proposed):
    tokens = []
    for row, guess in zip(logits, proposed.tolist(), strict=False):
        if row[guess] < row.max() - 1e-3:
            return torch.tensor([*tokens, int(row.argmax())])
        tokens.append(guess)
    return torch.tensor([*tokens, int(logits[-1].argmax())])
