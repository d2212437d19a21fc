"""A loop over the guesses: none follows where all are kept."""

import torch

HINT = "if all k are kept"


def accept_greedy(logits, proposed):
    tokens = []
    for row, guess in zip(logits, proposed.tolist(), strict=False):
        tokens.append(int(row.argmax()))
        if tokens[-1] != guess:
            break
    return torch.tensor(tokens)
