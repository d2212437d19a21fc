"""The first random number decides about every guess."""

import torch

HINT = "uniform[i]"


def accept(p, q, proposed, uniform, last_uniform):
    tokens = []
    for i, x in enumerate(proposed.tolist()):
        if uniform[0] * q[i, x] >= p[i, x]:
            return torch.tensor([*tokens, pick(residual(p[i], q[i]), last_uniform)])
        tokens.append(x)
    return torch.tensor([*tokens, pick(p[-1], last_uniform)])
