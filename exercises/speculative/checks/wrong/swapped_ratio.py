"""q / p in place of p / q."""

import torch

HINT = "p over q"


def accept(p, q, proposed, uniform, last_uniform):
    tokens = []
    for i, x in enumerate(proposed.tolist()):
        if uniform[i] * p[i, x] >= q[i, x]:
            return torch.tensor([*tokens, pick(residual(p[i], q[i]), last_uniform)])
        tokens.append(x)
    return torch.tensor([*tokens, pick(p[-1], last_uniform)])
