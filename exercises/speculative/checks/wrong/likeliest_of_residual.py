"""The likeliest of the residual in place of a draw."""

import torch

HINT = "not always its likeliest"


def accept(p, q, proposed, uniform, last_uniform):
    tokens = []
    for i, x in enumerate(proposed.tolist()):
        if uniform[i] * q[i, x] >= p[i, x]:
            return torch.tensor([*tokens, int(residual(p[i], q[i]).argmax())])
        tokens.append(x)
    return torch.tensor([*tokens, pick(p[-1], last_uniform)])
