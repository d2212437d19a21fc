"""Runs of a server from the lines in which it tells, every few seconds, how fast it generates.

A server counts what it generated since its last such line, whoever asked for it: the mean over the
lines in which it generated anything is its speed under the load that it happened to have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from workshop.record.readers.serving_block import SERVED
from workshop.record.results import Condition, Result

MOST_ENGINES = 1000


@dataclass
class Mean:
    """A weighted mean; None of nothing."""

    total: float = 0.0
    weight: float = 0.0

    def add(self, value: float, weight: float = 1.0) -> None:
        self.total += value * weight
        self.weight += weight

    @property
    def value(self) -> float | None:
        return self.total / self.weight if self.weight > 0 else None


@dataclass
class _Engine:
    """One engine's lines; of those in which it generated: their number and requests at a time."""

    speed: Mean = field(default_factory=Mean)
    running: set[int] = field(default_factory=set)


@dataclass
class Server:
    """What a server's lines have told so far.

    Attributes:
        accepted: guesses that a pass accepted.
        rate: share of guesses that were accepted.
        positions: shares of passes that accepted a first guess, a second, ...
    """

    format: str
    model: str | None = None
    dtype: str | None = None
    conditions: dict[str, Condition] = field(default_factory=dict)
    engines: dict[str, _Engine] = field(default_factory=dict)
    accepted: Mean = field(default_factory=Mean)
    rate: Mean = field(default_factory=Mean)
    positions: list[Mean] = field(default_factory=list)

    def add(self, engine: str, speed: float, running: int | None) -> None:
        """Take a line of an engine, in tokens/s and requests at a time."""
        if engine not in self.engines and len(self.engines) >= MOST_ENGINES:
            return
        counted = self.engines.setdefault(engine, _Engine())
        if speed > 0:
            counted.speed.add(speed)
            if len(counted.running) < 2 and running is not None:
                counted.running.add(running)

    def results(self) -> Iterator[Result]:
        """The run; none without a line in which the server generated."""
        busy = [engine for engine in self.engines.values() if engine.speed.value is not None]
        if not busy:
            return
        lines = sum(int(engine.speed.weight) for engine in busy)
        positions = [mean.value for mean in self.positions]
        yield Result(
            None,
            "ok",
            format=self.format,
            definition=SERVED,
            tokens_per_second=sum(engine.speed.value or 0.0 for engine in busy),
            concurrency=_running(busy),
            model=self.model,
            dtype=self.dtype,
            conditions=self.conditions,
            mean_accepted=self.accepted.value,
            acceptance_rate=self.rate.value,
            acceptance_by_position=[one for one in positions if one is not None] or None,
            warnings=[_caveat(lines, len(busy))],
        )


def _running(busy: list[_Engine]) -> int | None:
    """Requests that all engines ran at a time, if that never changed."""
    if any(len(engine.running) != 1 for engine in busy):
        return None
    return sum(next(iter(engine.running)) for engine in busy) or None


def _caveat(lines: int, engines: int) -> str:
    over = f"{lines} lines" if lines > 1 else "the one line"
    summed = f", added up over {engines} engines" if engines > 1 else ""
    return (
        f"mean over {over} of the server's log in which it generated{summed}: "
        "the speed under the load that it had, not a benchmark's"
    )
