"""Student's t distribution, for degrees of freedom that need not be whole."""

from __future__ import annotations

import math

_STEPS = 300
_TINY = 1e-300


def two_sided_p(t: float, degrees: float) -> float:
    """How often chance alone gives a t at least this far from 0, to either side."""
    return incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5)


def quantile(p: float, degrees: float) -> float:
    """The t that chance alone passes, to either side, with probability p; degrees from 1 up."""
    low, high = 0.0, 2 / (math.pi * p) + 10  # beyond the one of a single degree of freedom
    for _ in range(100):
        middle = (low + high) / 2
        if two_sided_p(middle, degrees) > p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # there the fraction converges slowly; its mirror image does not
        return 1 - incomplete_beta(1 - x, b, a)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(scale + a * math.log(x) + b * math.log1p(-x))
    return min(front * _fraction(x, a, b) / a, 1.0)


def _fraction(x: float, a: float, b: float) -> float:
    """Its continued fraction 1 / (1 + d1 / (1 + d2 / ...)) (DLMF 8.17.22), by Lentz's method."""
    value, above, below = 1.0, 1.0, 0.0
    for step in range(1, _STEPS):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1 / ((1 + term * below) or _TINY)
        above = (1 + term / above) or _TINY
        value *= above * below
        if abs(above * below - 1) < 1e-15:
            break
    return 1 / value
