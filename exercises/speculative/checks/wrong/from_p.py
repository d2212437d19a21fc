"""A refused guess replaced from p."""

import torch

HINT = "residual, not from p"


def accept(p, q, proposed, uniform, last_uniform):
    tokens = []
    for i, x in enumerate(proposed.tolist()):
        if uniform[i] * q[i, x] >= p[i, x]:
            return torch.tensor([*tokens, pick(p[i], last_uniform)])
        tokens.append(x)
    return torch.tensor([*tokens, pick(p[-1], last_uniform)])
