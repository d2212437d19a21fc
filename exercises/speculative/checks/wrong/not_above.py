"""Keeps a guess where the random number is at most the ratio: 0 is at most 0."""

import torch

HINT = "is not below"


def accept(p, q, proposed, uniform, last_uniform):
    tokens = []
    for i, x in enumerate(proposed.tolist()):
        if uniform[i] > p[i, x] / q[i, x]:
            tokens.append(pick(residual(p[i], q[i]), last_uniform))
            return torch.tensor(tokens)
        tokens.append(x)
    tokens.append(pick(p[-1], last_uniform))
    return torch.tensor(tokens)
