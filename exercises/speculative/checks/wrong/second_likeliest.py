"""Kept if it is one of the two likeliest."""

import torch

HINT = "THE largest"


def accept_greedy(logits, proposed):
    tokens = []
    for row, guess in zip(logits, proposed.tolist(), strict=False):
        if guess not in row.topk(2).indices.tolist():
            return torch.tensor([*tokens, int(row.argmax())])
        tokens.append(guess)
    return torch.tensor([*tokens, int(logits[-1].argmax())])
