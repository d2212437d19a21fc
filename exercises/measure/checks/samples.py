"""What is wrong with a series of samples: seen from several series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """What was asked for, what was run, and what came back.

    Attributes:
        lengths: tokens of each generation that was run.
        right: (TTFT, decode) of each one that was to be counted.
        first: of the first ones that were run, as many as samples.
        counted: those that came back.
    """

    new_tokens: int
    warm_up: int
    samples: int
    lengths: list[int]
    right: list[tuple[float, float]]
    first: list[tuple[float, float]]
    counted: list[tuple[float, float]]

    @property
    def run(self) -> int:
        return len(self.lengths)


def same(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> bool:
    """Whether two series have the same samples in the same order."""
    return len(one) == len(other) and all(
        abs(a - b) <= 1e-4 * abs(b)
        for pair, pair_of_other in zip(one, other, strict=True)
        for a, b in zip(pair, pair_of_other, strict=True)
    )


SLIPS: tuple[tuple[str, Callable[[Series], bool]], ...] = (
    ("there is no warm-up: run it first, and throw its times away",
     lambda s: s.run == s.samples == len(s.counted)),
    ("the warm-up comes on top of the samples: run warm_up + samples",
     lambda s: s.run == s.samples and len(s.counted) == max(0, s.samples - s.warm_up)),
    ("warm_up generations are to be run first, not always one",
     lambda s: s.run == 1 + s.samples and len(s.counted) == s.samples),
    ("without a warm-up (0), every generation is counted",
     lambda s: s.run == max(1, s.warm_up) + s.samples and len(s.counted) == s.samples),
    ("the warm-up is run and not counted",
     lambda s: s.run == s.warm_up + s.samples == len(s.counted)),
    ("warm up with what is measured: another length may be another graph",
     lambda s: s.run == s.warm_up + s.samples
     and all(one != s.new_tokens for one in s.lengths[: s.warm_up])
     and all(one == s.new_tokens for one in s.lengths[s.warm_up :])),
    ("samples come back in the order in which they were run: do not sort them",
     lambda s: same(s.counted, sorted(s.right))),
    ("samples come back in the order in which they were run",
     lambda s: same(s.counted, s.right[::-1])),
    ("the warm-up comes first: its generations were counted, and later ones were not",
     lambda s: s.run == s.warm_up + s.samples and same(s.counted, s.first)),
    ("every sample comes back, not one for all of them", lambda s: len(s.counted) == 1),
    ("one sample too many is run", lambda s: len(s.counted) == s.samples + 1),
    ("one sample too few is counted", lambda s: len(s.counted) == s.samples - 1),
    ("warm_up generations come first, then samples of them: here they are swapped",
     lambda s: s.run == s.warm_up + s.samples and len(s.counted) == s.warm_up),
    ("a warm-up belongs before the first sample, not before each of them",
     lambda s: s.run == s.samples * (s.warm_up + 1)),
    ("each sample is a generation of its own", lambda s: s.run == s.warm_up + 1),
    ("each sample is (TTFT, decode), in this order",
     lambda s: same(s.counted, [(decode, ttft) for ttft, decode in s.right])),
)  # fmt: skip


def cause_of_series(series: Sequence[Series]) -> str | None:
    """The one thing that explains all series; None where nothing or more than one does."""
    found = [hint for hint, tells in SLIPS if all(map(tells, series))]
    return found[0] if len(found) == 1 else None
