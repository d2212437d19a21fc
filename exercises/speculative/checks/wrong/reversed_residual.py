"""q - p."""

HINT = "not q - p"


def residual(p, q):
    more = (q - p).clamp(min=0)
    return more / more.sum()
