"""When noise, not the stage, may be what two runs differ by."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from workshop.analysis.identity import find
from workshop.record.results import Result
from workshop.stages import STAGES, stage_order

# As a run warns of others on its machine (workshop.runner.machine.busy_warning).
_BUSY = re.compile(r"\d+ other process(?:es)? running on this machine's ")


def is_busy(result: Result) -> bool:
    """Whether the run warned that others used its processors."""
    return any(_BUSY.match(warning) for warning in result.warnings)


def too_noisy(result: Result, against: Result | None) -> str | None:
    """Why the two cannot be told apart from noise, as the end of a sentence; None where they can.

    Either other processes ran beside one of them, or the samples scatter by more than the two
    differ: the standard deviation of the ratio of their tokens/s is larger than its distance from
    1. A run of one sample has no spread.
    """
    pair = [result] if against is None else [against, result]
    busy = [run.label for run in pair if is_busy(run)]
    if busy:
        return f"other processes used the machine during {' and '.join(busy)}"
    if against is None or not (result.tokens_per_second and against.tokens_per_second):
        return None
    ratio = result.tokens_per_second / against.tokens_per_second
    scatter = ratio * math.hypot(relative_spread(result), relative_spread(against))
    if scatter > abs(ratio - 1) and scatter > 0:
        return (
            f"the samples scatter by {scatter:.0%} of {against.label}'s speed, and the two differ "
            f"by {abs(ratio - 1):.0%}"
        )
    return None


def relative_spread(result: Result) -> float:
    """The standard deviation of tokens/s over its mean; 0 where it is not known."""
    return (result.tokens_per_second_std or 0.0) / (result.tokens_per_second or 1.0)


def cautions(results: Sequence[Result]) -> list[str]:
    """What a figure or a table of these runs says of noise, a sentence each."""
    sentences = []
    results = sorted(results, key=lambda run: stage_order(run.stage))
    busy = list(dict.fromkeys(run.label for run in results if is_busy(run)))
    if busy:
        sentences.append(
            f"other processes used the machine during {', '.join(busy)}: "
            "differences may be noise, run again on an idle machine"
        )
    for run in results:
        base = base_among(run, results)
        if base is None or is_busy(run) or is_busy(base):
            continue
        if (why := too_noisy(run, base)) is not None:
            sentences.append(f"{run.label} beside {base.label} is too noisy to tell: {why}")
    return list(dict.fromkeys(sentences))


def base_among(run: Result, results: Sequence[Result]) -> Result | None:
    """The run of the stage that this one builds on, if their tokens/s count the same."""
    stage = STAGES.get(run.stage or "")
    base = find(results, run.against or (stage.against if stage else None))
    if base is None or (base.format, base.definition) != (run.format, run.definition):
        return None
    return base
