"""Token ids in 8 bits."""

import torch

CHECK = "what the verifier never says"


def accept(p, q, proposed, uniform, last_uniform, right=accept):
    return right(p, q, proposed, uniform, last_uniform).to(torch.uint8)
