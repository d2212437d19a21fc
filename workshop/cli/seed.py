"""The type of every ``--seed``."""

from __future__ import annotations

from typing import Any

import click

from workshop.stages.settings import LEAST_SEED, MOST_SEED


class Seed(click.ParamType):
    """A whole number of 64 bits, as the generators take it."""

    name = "integer"

    def __init__(self, least: int = LEAST_SEED) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        seed: int = click.INT.convert(value, param, ctx)
        if not self.least <= seed <= MOST_SEED:
            self.fail(f"{seed} is not in the range from {self.least} to {MOST_SEED}", param, ctx)
        return seed
