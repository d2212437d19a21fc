"""A stopwatch for generation on a device that works on its own.

The device is given three things to do by you:

    device.now()           the time, in seconds
    device.synchronize()   waits until the device has done all that it was given
    device.generate(n)     an iterator over n new tokens; each step gives the device its work, and
                           returns at once, before that work is done

The first generations are slower: things are compiled, caches are cold.
"""

from collections.abc import Sequence
from typing import Any


def time_generation(device: Any, new_tokens: int) -> tuple[float, float]:
    """Time one generation.

    Args:
        device: see above.
        new_tokens: tokens to generate, 2 or more.

    Returns:
        TTFT: seconds from before the generation began until the first token is really there.
        decode: seconds from there until the last token is really there; nobody waits in between.
    """
    raise NotImplementedError


def measure(device: Any, new_tokens: int, warm_up: int, samples: int) -> list[tuple[float, float]]:
    """Run ``warm_up`` generations that are not counted (it may be 0), then ``samples`` that are.

    Returns:
        (TTFT, decode seconds) of each counted one, in order.
    """
    raise NotImplementedError


def tpot(decode_seconds: float, new_tokens: int) -> float:
    """Time per output token: of those AFTER the first, whose time is the TTFT."""
    raise NotImplementedError


def tokens_per_second(decode_seconds: float, new_tokens: int) -> float:
    """Decode speed: tokens after the first, over the time that they took."""
    raise NotImplementedError


def latency(ttft: float, seconds_per_token: float, new_tokens: int) -> float:
    """Seconds until a user has all ``new_tokens``, from TTFT and TPOT."""
    raise NotImplementedError


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and sample standard deviation (with n - 1), of two values or more."""
    raise NotImplementedError
