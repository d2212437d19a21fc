"""Parts of the sentences that explain a stage's speed, from a record's own numbers."""

from __future__ import annotations

import math

from workshop.stages.stage import Measured

MS = 1e3
MB = 1e6
FASTER = 1.05  # times as fast, from which a stage counts as faster


def factor(result: Measured, against: Measured) -> float:
    """How many times as fast; both have a number."""
    return (result.tokens_per_second or 0.0) / (against.tokens_per_second or 1.0)


def ms(result: Measured) -> str:
    """The time of a token."""
    return f"{(result.tpot_seconds or 0.0) * MS:.3g} ms"


def outcome(result: Measured, against: Measured) -> str:
    """'1.56 times as fast as compile (4.2 to 2.7 ms a token)'."""
    how = f"{factor(result, against):.3g} times as fast as {against.stage}"
    return f"{how} ({ms(against)} to {ms(result)} a token)"


def compared(result: Measured, against: Measured) -> str:
    """The outcome alone, where there is nothing to explain it by."""
    return f"{outcome(result, against)}."


def megabytes(count: float) -> str:
    """'215 MB', '33.6 MB', '13500 MB': three digits, and all that stand before the point."""
    value = count / MB
    return f"{value:.0f} MB" if value >= 100 else f"{value:.3g} MB"


def read_bytes(result: Measured) -> float:
    """Bytes of weights read for a token: exact, since noise is in both rates alike.

    Bandwidth and tokens/s are both means of rates over the same samples, so their quotient has no
    time in it. The time of a token is a mean of times, and times a rate it would come out larger.
    """
    return (result.bandwidth_gb_per_second or 0.0) * 1e9 / (result.tokens_per_second or math.inf)


def reading_seconds(result: Measured) -> float | None:
    """Seconds that reading the weights of a token takes at the device's measured bandwidth."""
    if not (result.mbu and result.tokens_per_second):
        return None
    return result.mbu / result.tokens_per_second


def alone(result: Measured) -> str:
    """Why a run takes as long as it does, with no other run beside it."""
    floor = reading_seconds(result)
    if floor is None or not result.mbu:
        return f"A token takes {ms(result)}."
    read = f"reading its {megabytes(read_bytes(result))} of weights would take {floor * MS:.2g} ms"
    if result.mbu < 0.5:
        return (
            f"A token takes {ms(result)}, and {read}: the rest is spent calling many small "
            "kernels one after another."
        )
    return f"A token takes {ms(result)}, and {read}: memory bandwidth is what bounds it."
