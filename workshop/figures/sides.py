"""The groups of a comparison as they are drawn: each with its bars, a colour and a name."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workshop.figures.groups import UNKNOWN, Group, names_beside_groups
from workshop.figures.pooling import Pool, pools_of
from workshop.figures.theme import Fill, Theme, fills, mixed
from workshop.stages import stage_order
from workshop.util.text import one_line, printable

_LONGEST = 60  # characters of a group's name


@dataclass(frozen=True)
class Side:
    """One group as it is drawn.

    Attributes:
        name: in the legend; None for one of many that have no name.
        pools: its bars, by the stage's name.
    """

    name: str | None
    look: Fill
    mine: bool
    pools: dict[str, Pool]


def sides_of(
    fields: Sequence[str], groups: Sequence[Group], mine: str | None, look: Theme
) -> list[Side]:
    """Each group's bars; of more groups than there are colours, all but the user's own are grey."""
    looks = fills(look)
    runs = [run for group in groups for run in group.runs]
    names = {id(run): name for run, name in zip(runs, names_beside_groups(runs), strict=True)}
    several = len({user for group in groups for user in group.users}) > 1
    sides = []
    for place, group in enumerate(groups):
        own = several and mine is not None and group.users == {mine}
        pools = {
            pool.label: pool
            for pool in pools_of([names[id(run)] for run in group.runs], group.runs)
            if pool.tokens_per_second
        }
        if len(groups) <= len(looks):
            sides.append(Side(_name(fields, group), looks[place], own, pools))
        else:
            one_of_many = replace(looks[0], color=mixed(look.faint, look.ground, 0.5))
            name = _name(fields, group) if own else None
            sides.append(Side(name, looks[1] if own else one_of_many, own, pools))
    return sides


def _name(fields: Sequence[str], group: Group) -> str:
    """'AMD EPYC, torch 2.9.1': values that say by themselves what they are stand alone."""
    plain = {"device", "model", "tokens/s"}
    parts = [
        value if field in plain and value != UNKNOWN else f"{field} {value}"
        for field, value in zip(fields, group.values, strict=True)
    ]
    return one_line(printable(", ".join(parts)), _LONGEST)


def stages_of(sides: Sequence[Side]) -> list[str]:
    """The names of all bars, in the stages' order."""
    pools = {label: pool for side in sides for label, pool in side.pools.items()}
    return sorted(
        pools, key=lambda label: (stage_order(pools[label].stage), pools[label].stage or "~", label)
    )


def medians(stage: str, sides: Sequence[Side]) -> tuple[float, dict[str, float]]:
    """The median speed of a stage over the groups that have it, and of its factors by stage."""
    speeds = []
    ratios: dict[str, list[float]] = {}
    for side in sides:
        pool = side.pools.get(stage)
        if pool is None or pool.tokens_per_second is None:
            continue
        speeds.append(pool.tokens_per_second.mean)
        for name, factor in pool.factors(lambda one: one.tokens_per_second).items():
            ratios.setdefault(name, []).append(factor)
    return statistics.median(speeds), {name: statistics.median(r) for name, r in ratios.items()}
