"""The token after the kept ones forgotten."""

HINT = "verifier's own follows"


def accept_greedy(logits, proposed):
    own = logits.argmax(-1)
    kept = int((own[:-1] == proposed).int().cumprod(0).sum())
    return own[:kept]
