"""Rows off by one."""

HINT = "row i of the logits"


def accept_greedy(logits, proposed):
    own = logits.argmax(-1)
    kept = int((own[1:] == proposed).int().cumprod(0).sum())
    return own[: kept + 1]
