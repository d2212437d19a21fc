"""Numbers of a record that follow from its samples."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from workshop.record.results.parts import Sample
from workshop.record.results.result import Result


def spread(values: Sequence[float]) -> float | None:
    """Sample standard deviation; None for fewer than two values."""
    return statistics.stdev(values) if len(values) > 1 else None


def with_samples(result: Result, samples: Sequence[Sample]) -> Result:
    """The record with these samples and the numbers that follow from them alone."""
    speeds = [s.tokens_per_second for s in samples if s.tokens_per_second is not None]
    totals = [s.total_tokens_per_second for s in samples if s.total_tokens_per_second is not None]
    tpots = [s.tpot_seconds for s in samples if s.tpot_seconds is not None]
    passes = sum(s.verify_passes or 0 for s in samples)
    accepted = sum(s.accepted or 0 for s in samples)
    proposed = sum(guesses_made(s, result) for s in samples)
    return replace(
        result,
        samples=list(samples),
        tokens_per_second=statistics.fmean(speeds) if speeds else None,
        tokens_per_second_std=spread(speeds),
        total_tokens_per_second=statistics.fmean(totals) if totals else None,
        ttft_seconds=statistics.fmean(s.ttft_seconds for s in samples) if samples else None,
        tpot_seconds=statistics.fmean(tpots) if tpots else None,
        mean_accepted=accepted / passes if passes else None,
        acceptance_rate=accepted / proposed if proposed else None,
        acceptance_by_position=acceptance_by_position(samples),
        new_tokens=max((max(s.lengths) for s in samples), default=None),
    )


def guesses_made(sample: Sample, result: Result) -> int:
    """How many tokens were guessed; records once did not tell, and k was the settings' always."""
    if sample.proposed is not None:
        return sample.proposed
    return (sample.verify_passes or 0) * (result.settings.draft_tokens if result.settings else 0)


def acceptance_by_position(samples: Sequence[Sample]) -> list[float] | None:
    """The share of first, second, ... guesses that were accepted; None where it is not known."""
    proposed = added_up([s.proposed_by_position or [] for s in samples])
    accepted = added_up([s.accepted_by_position or [] for s in samples])
    accepted += [0] * (len(proposed) - len(accepted))
    return [a / p for a, p in zip(accepted, proposed, strict=False) if p] or None


def added_up(counts: Sequence[Sequence[int]]) -> list[int]:
    """Sums by position of lists that may differ in length."""
    return [sum(column) for column in zip_longest(*counts, fillvalue=0)]
