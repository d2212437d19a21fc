"""The last norm is left out."""

HINT = "the last norm, before the head"


def prepare(weights, right=prepare):
    return right({**weights, "norm": torch.ones_like(weights["norm"])})
