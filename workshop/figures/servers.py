"""Servers beside single sequences: what all requests get together is no sequence's speed.

A server's tokens/s grow with the requests that it answers side by side, one sequence's do not. In
a figure of both, servers have a panel of their own. One that answers a single request at a time
has a sequence's speed, too: 1 / TPOT.
"""

from __future__ import annotations

from collections.abc import Sequence

from workshop.figures.pooling import Pool, Value, mean_over
from workshop.record.results import Result, drawable

NOTE = (
    "tokens/s of servers: all requests together, in a panel of their own; "
    "at concurrency 1 also 1 / TPOT beside the sequences"
)


def is_server(result: Result) -> bool:
    """Whether its tokens/s are those of many requests together."""
    return result.definition is not None and result.definition.per == "server"


def in_own_panel(result: Result, beside: Sequence[Result]) -> bool:
    """Whether a result's tokens/s stand apart from those of the results beside it."""
    return is_server(result) and any(
        not is_server(other) and drawable(other.tokens_per_second) for other in beside
    )


def sequence_speed(pool: Pool) -> Value | None:
    """The tokens/s that one sequence gets: of servers, where they answer one at a time."""
    if not is_server(pool.runs[0]):
        return pool.tokens_per_second
    alone = [run.tpot_seconds for run in pool.runs if run.concurrency == 1]
    tpot = mean_over(alone)
    return Value(1 / tpot) if tpot else None


def server_speed(pool: Pool) -> Value | None:
    """The tokens/s of all requests together; None of what is no server."""
    return pool.tokens_per_second if is_server(pool.runs[0]) else None
