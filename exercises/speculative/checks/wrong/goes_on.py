"""Counts what is right after a refusal."""

HINT = "stop at the first"


def accept_greedy(logits, proposed):
    own = logits.argmax(-1)
    kept = int((own[:-1] == proposed).sum())
    return own[: kept + 1]
