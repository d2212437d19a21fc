"""Something is added to the sum, so that nothing is divided by zero."""

HINT = "nothing added to it"


def residual(p, q):
    more = (p - q).clamp(min=0)
    return more / (more.sum() + 1e-8)
