"""abs in place of clamp."""

HINT = "clamp"


def residual(p, q):
    more = (p - q).abs()
    return more / more.sum()
