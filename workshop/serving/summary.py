"""Numbers of one level: percentiles, throughput, goodput, and what was not counted."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from workshop.serving.answers import Answer, Kind

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True)
class Spread:
    """How a quantity is distributed over requests, or over gaps between tokens.

    Attributes:
        std: sample standard deviation; None of fewer than two values.
        percentiles: by percentile, as ``{"50": 0.021, "99": 0.094}``.
    """

    count: int
    mean: float
    std: float | None
    least: float
    most: float
    percentiles: dict[str, float]


@dataclass(frozen=True)
class Targets:
    """Latency targets, in seconds; None where there is none."""

    ttft_seconds: float | None = None
    tpot_seconds: float | None = None

    def __bool__(self) -> bool:
        return self.ttft_seconds is not None or self.tpot_seconds is not None

    def met_by(self, answer: Answer) -> bool:
        """Whether a whole answer is within both; a single token has no TPOT to be late with."""
        late = (
            self.ttft_seconds is not None
            and answer.ttft_seconds is not None
            and answer.ttft_seconds > self.ttft_seconds
        )
        slow = (
            self.tpot_seconds is not None
            and answer.tpot_seconds is not None
            and answer.tpot_seconds > self.tpot_seconds
        )
        return not late and not slow


@dataclass(frozen=True)
class Goodput:
    """Requests that were answered whole and within the targets.

    Attributes:
        share: of all requests that were sent and not interrupted, failed ones included.
    """

    targets: Targets
    requests: int
    requests_per_second: float
    share: float


@dataclass(frozen=True)
class Summary:
    """One level. Times are in seconds; every number but the counts is of whole answers alone.

    Attributes:
        requests: how many were to be sent.
        unfinished: were sent or waiting when the level was ended.
        wall_seconds: from the first request until the last token, failed requests included.
        new_tokens: of all whole answers; None where the server did not report one of them.
        tokens_per_second: the same divided by the wall time.
        request_tokens_per_second: new tokens of a request over its latency.
        itl: gaps between events with text.
        tokens_per_event: new tokens over events with text; more than 1 with speculation.
        client_cpu: CPU time of this process over wall time: near 1, the client is the bottleneck.
        problems: sentences on what was not answered whole, with their counts.
    """

    requests: int
    answered: int
    short: int
    errors: int
    timeouts: int
    unfinished: int
    wall_seconds: float | None
    requests_per_second: float | None
    new_tokens: int | None
    tokens_per_second: float | None
    cached_prompt_tokens: int
    request_tokens_per_second: Spread | None
    ttft: Spread | None
    tpot: Spread | None
    itl: Spread | None
    latency: Spread | None
    tokens_per_event: float | None
    goodput: Goodput | None
    client_cpu: float | None
    problems: dict[str, int] = field(default_factory=dict)


def percentile(ascending: Sequence[float], share: float) -> float:
    """The value below which ``share`` percent lie, interpolated linearly between neighbours.

    Args:
        ascending: one value or more, sorted.
        share: 0 to 100.
    """
    place = (len(ascending) - 1) * share / 100
    below = math.floor(place)
    low, high = ascending[below], ascending[min(below + 1, len(ascending) - 1)]
    return low + (high - low) * (place - below)


def spread_of(values: Sequence[float]) -> Spread | None:
    """None of no values."""
    if not values:
        return None
    ascending = sorted(values)
    return Spread(
        count=len(ascending),
        mean=statistics.fmean(ascending),
        std=statistics.stdev(ascending) if len(ascending) > 1 else None,
        least=ascending[0],
        most=ascending[-1],
        percentiles={str(share): percentile(ascending, share) for share in PERCENTILES},
    )


def summary_of(
    requests: int,
    answers: Sequence[Answer],
    targets: Targets | None = None,
    client_cpu_seconds: float | None = None,
) -> Summary:
    """The numbers of a level, from what became of its requests."""
    whole = [answer for answer in answers if answer.kind == "answered"]
    kinds: Counter[Kind] = Counter(answer.kind for answer in answers)
    wall = _wall_seconds(answers)
    new_tokens = _total([answer.new_tokens for answer in whole])
    events = sum(answer.events for answer in whole)
    return Summary(
        requests=requests,
        answered=len(whole),
        short=kinds["short"],
        errors=kinds["error"],
        timeouts=kinds["timeout"],
        unfinished=requests - len(answers),
        wall_seconds=wall,
        requests_per_second=len(whole) / wall if wall else None,
        new_tokens=new_tokens,
        tokens_per_second=new_tokens / wall if new_tokens and wall else None,
        cached_prompt_tokens=sum(answer.cached_tokens for answer in whole),
        request_tokens_per_second=spread_of(_known([a.tokens_per_second for a in whole])),
        ttft=spread_of(_known([answer.ttft_seconds for answer in whole])),
        tpot=spread_of(_known([answer.tpot_seconds for answer in whole])),
        itl=spread_of([gap for answer in whole for gap in answer.gaps]),
        latency=spread_of([answer.seconds for answer in whole]),
        tokens_per_event=new_tokens / events if new_tokens and events else None,
        goodput=_goodput(answers, whole, targets, wall),
        client_cpu=client_cpu_seconds / wall if client_cpu_seconds is not None and wall else None,
        problems=dict(Counter(a.problem for a in answers if a.problem).most_common(10)),
    )


def _wall_seconds(answers: Sequence[Answer]) -> float | None:
    if not answers:
        return None
    first = min(answer.sent for answer in answers)
    return max(answer.sent + answer.seconds for answer in answers) - first


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if counts and len(known) == len(counts) else None


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _goodput(
    answers: Sequence[Answer], whole: Sequence[Answer], targets: Targets | None, wall: float | None
) -> Goodput | None:
    """None without a target, without an answer, and where a target's quantity is not known."""
    if not targets or not wall or not answers:
        return None
    if targets.tpot_seconds is not None and any(answer.new_tokens is None for answer in whole):
        return None
    good = sum(targets.met_by(answer) for answer in whole)
    return Goodput(targets, good, good / wall, good / len(answers))
