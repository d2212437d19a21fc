"""Random numbers of one's own."""

import torch

HINT = "changes from call to call"


def accept(p, q, proposed, uniform, last_uniform, right=accept):
    return right(p, q, proposed, torch.rand(len(proposed)), float(torch.rand(1)))
