"""When requests are sent: a Poisson process."""

from __future__ import annotations

import random
from itertools import accumulate


def poisson(rate: float, requests: int, seed: int) -> list[float]:
    """Arrival times in seconds from the start, ascending.

    The gaps are exponentially distributed with the mean 1 / rate, as when many users act
    independently of each other. They are not scaled to add up to requests / rate.

    Args:
        rate: requests per second, over 0.
    """
    draw = random.Random(f"arrivals {seed}")
    return list(accumulate(draw.expovariate(rate) for _ in range(requests)))
