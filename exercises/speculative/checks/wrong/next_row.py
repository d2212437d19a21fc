"""The residual of the row after the refused guess."""

import torch

HINT = "the refused guess's own row"


def accept(p, q, proposed, uniform, last_uniform):
    tokens = []
    for i, x in enumerate(proposed.tolist()):
        if uniform[i] * q[i, x] >= p[i, x]:
            weights = residual(p[i + 1], q[i + 1]) if i + 1 < len(q) else p[-1]
            return torch.tensor([*tokens, pick(weights, last_uniform)])
        tokens.append(x)
    return torch.tensor([*tokens, pick(p[-1], last_uniform)])
