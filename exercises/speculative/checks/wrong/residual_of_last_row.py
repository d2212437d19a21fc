"""A residual where no guess was refused."""

import torch

HINT = "no guess was refused there"


def accept(p, q, proposed, uniform, last_uniform):
    tokens = []
    for i, x in enumerate(proposed.tolist()):
        if uniform[i] * q[i, x] >= p[i, x]:
            return torch.tensor([*tokens, pick(residual(p[i], q[i]), last_uniform)])
        tokens.append(x)
    return torch.tensor([*tokens, pick(residual(p[-1], q[-1]), last_uniform)])
