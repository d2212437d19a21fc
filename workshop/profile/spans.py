"""Spans of time to what they add up to: classes, single kernels, and what lies between them.

Plain numbers, no torch: what the profiler saw is put into ``Span`` by ``capture.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from workshop.profile.classes import CLASSES, Class


@dataclass(frozen=True)
class Span:
    """A kernel on the device, or an operator on the host.

    Attributes:
        start, end: seconds.
        seconds: its own, without those of what it called.
        outermost: called by no other operator.
    """

    name: str
    kind: Class
    start: float
    end: float
    seconds: float
    outermost: bool = True


@dataclass(frozen=True)
class Kernel:
    """All spans of one name and class, a token."""

    name: str
    kind: Class
    calls: float
    seconds: float


@dataclass(frozen=True)
class Row:
    """A class of kernels, a token, beside its prediction.

    Attributes:
        share: of the time of a token, in the profiled steps.
        ideal_seconds, expected_seconds: None where no prediction can be had; 0 where the
            prediction knows no such kernels.
        against_expected: seconds over those expected: above 1 is slower.
    """

    kind: Class
    calls: float
    seconds: float
    share: float
    ideal_seconds: float | None = None
    expected_seconds: float | None = None
    against_expected: float | None = None


@dataclass(frozen=True)
class Sums:
    """What spans add up to, a token.

    Attributes:
        seconds: of the profiled steps.
        busy_seconds: in which at least one kernel, or operator, is at work.
    """

    seconds: float
    busy_seconds: float
    rows: list[Row] = field(default_factory=list)
    kernels: list[Kernel] = field(default_factory=list)

    @property
    def host_share(self) -> float:
        """The share in which none is: gaps between kernels on a GPU, Python on a CPU."""
        return 1 - self.busy_seconds / self.seconds if self.seconds else 0.0


def add_up(
    spans: Sequence[Span],
    seconds: float,
    tokens: int,
    ideal: dict[Class, float] | None = None,
    expected: dict[Class, float] | None = None,
) -> Sums:
    """Sum spans of ``tokens`` tokens, whose steps took ``seconds``, beside seconds of a token."""
    busy = min(union((span.start, span.end) for span in spans), seconds)
    totals = {kind: [0.0, 0.0] for kind in CLASSES}
    for span in spans:
        totals[span.kind][0] += span.outermost
        totals[span.kind][1] += span.seconds
    totals["host"][1] += seconds - busy
    rows = []
    for kind, (calls, own) in totals.items():
        wanted, likely = (None if one is None else one.get(kind, 0.0) for one in (ideal, expected))
        if own or wanted or likely:
            each = own / tokens
            # Of ``other``, the embedding alone is predicted.
            ratio = each / likely if likely and kind != "other" else None
            share = own / seconds if seconds else 0.0
            rows.append(Row(kind, calls / tokens, each, share, wanted, likely, ratio))
    return Sums(seconds / tokens, busy / tokens, rows, by_name(spans, tokens))


def by_name(spans: Iterable[Span], tokens: int) -> list[Kernel]:
    """Kernels, the one that takes most time first."""
    found: dict[tuple[str, Class], list[float]] = {}
    for span in spans:
        total = found.setdefault((span.name, span.kind), [0.0, 0.0])
        total[0] += 1
        total[1] += span.seconds
    kernels = [
        Kernel(name, kind, calls / tokens, seconds / tokens)
        for (name, kind), (calls, seconds) in found.items()
    ]
    return sorted(kernels, key=lambda kernel: -kernel.seconds)


def union(intervals: Iterable[tuple[float, float]]) -> float:
    """Length of what intervals cover together: kernels of two streams overlap."""
    covered, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered
