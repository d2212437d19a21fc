"""The residual does not sum to one."""

HINT = "sum to one"


def residual(p, q):
    return (p - q).clamp(min=0)
