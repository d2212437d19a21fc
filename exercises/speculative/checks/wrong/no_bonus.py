"""No further token when all are kept."""

import torch

HINT = "whether one was refused or none"


def accept(p, q, proposed, uniform, last_uniform):
    tokens = []
    for i, x in enumerate(proposed.tolist()):
        if uniform[i] * q[i, x] >= p[i, x]:
            return torch.tensor([*tokens, pick(residual(p[i], q[i]), last_uniform)])
        tokens.append(x)
    return torch.tensor(tokens)
