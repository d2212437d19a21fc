"""A guess that is as likely as the verifier's own counts as its own."""

import torch

HINT = "of equal logits the first"


def accept_greedy(logits, proposed):
    tokens = []
    for row, guess in zip(logits, proposed.tolist(), strict=False):
        if row[guess] < row.max():
            return torch.tensor([*tokens, int(row.argmax())])
        tokens.append(guess)
    return torch.tensor([*tokens, int(logits[-1].argmax())])
