"""How many times as fast: against baseline, and against the stage that each builds on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workshop.figures.pooling import Pool, Value, builds_on, relative_of
from workshop.figures.theme import printable, times
from workshop.stages import BASELINE

Quantity = Callable[[Pool], Value | None]


def factors(
    pool: Pool, pools: Sequence[Pool], quantity: Quantity, smaller_is_faster: bool = False
) -> list[str]:
    """'6.68× baseline' and '1.52× quantize', of those that there are; once where they are one."""
    own = quantity(pool)
    said: dict[str, str] = {}
    for stage in (BASELINE, builds_on(pool)):
        other = relative_of(pools, pool, stage)
        against = quantity(other) if other else None
        if own and against and own.mean > 0 and against.mean > 0:
            pair = (against.mean, own.mean) if smaller_is_faster else (own.mean, against.mean)
            said[str(stage)] = f"{times(*pair)} {printable(str(stage))}"
    return list(said.values())
