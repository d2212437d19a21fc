"""Token ids in eight bits."""

import torch

HINT = "keep them in int64"


def accept_greedy(logits, proposed):
    own = logits.argmax(-1)
    kept = int((own[:-1] == proposed).int().cumprod(0).sum())
    return own[: kept + 1].to(torch.uint8)
