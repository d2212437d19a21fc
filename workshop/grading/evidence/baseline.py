"""A baseline that is slower than it should be makes every ratio to it larger.

Mostly that is an accident: it was not warm, others used the node, it had fewer threads. So these
are doubts at the most, and notes where noise explains them, each with what it was read off.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from workshop.grading.evidence.allocation import difference, pair, processors
from workshop.grading.evidence.consistency import SHORTEST
from workshop.grading.evidence.finding import Check, found
from workshop.grading.evidence.log import Run
from workshop.grading.records import Finding
from workshop.stages import BASELINE, variant
from workshop.util.text import one_line

SLOWER = 1.5  # times the others' median: noise of a quiet machine is a few percent
COLD = 3.0  # times, which the noise of a busy machine hardly makes of a whole sample
BELOW_REFERENCE = 0.5  # of float32, measured in the same process


def cold(run: Run) -> Iterator[Finding]:
    """A first sample far slower than the later ones: what is counted began before all was warm.

    The warm-up comes before the samples, so the first is as fast as the others; an interruption by
    another process looks the same, and the median counts: a doubt only where it is far slower.
    """
    times = [sample.decode_seconds for sample in run.result.samples]
    if run.result.stage != BASELINE or len(times) < 3:
        return
    later = statistics.median(times[1:])
    if later > SHORTEST and times[0] > SLOWER * later:
        yield found(
            "doubt" if times[0] > COLD * later else "note",
            run,
            f"its first sample took {times[0]:.4g} seconds and the later ones {later:.4g} "
            "(median): it may not have been warm",
        )


def below_its_reference(run: Run) -> Iterator[Finding]:
    """A baseline on a CPU measures float32 beside it: bf16 at less than half its speed is odd.

    A processor that emulates bf16 does that honestly; the ratios are then the emulation's.
    """
    result = run.result
    own = result.stage == BASELINE and run.exercise is None
    if not own or result.reference is None or not result.tokens_per_second:
        return
    beside = result.reference.tokens_per_second
    if result.tokens_per_second < BELOW_REFERENCE * beside:
        yield found(
            "doubt",
            run,
            f"it makes {result.tokens_per_second:.4g} tokens/s and {result.reference.label} makes "
            f"{beside:.4g} in the same process: slow work in {result.dtype} makes later ratios "
            "larger",
        )


def not_plain(run: Run) -> Iterator[Finding]:
    """A baseline with settings of its own is another yardstick."""
    settings = run.result.settings
    if run.result.stage == BASELINE and settings is not None and (differs := variant(settings)):
        yield found("doubt", run, f"it is no plain baseline: {one_line(differs)}")


def disturbed(run: Run) -> Iterator[Finding]:
    """The run itself warned: of others on the machine, or of what else made its numbers poorer.

    Noise is nobody's doing: a note. What it makes of a ratio, ``peers.py`` holds against the class.
    """
    for warning in run.result.warnings[:3]:
        yield found("note", run, f"the run warned: {one_line(warning)}")


def beside_runs(runs: Sequence[Run]) -> Iterator[Finding]:
    """What is to be said of each run and the baseline that it is held against."""
    baselines = [run for run in runs if run.result.stage == BASELINE and run.complete]
    for run in runs:
        if run.result.stage == BASELINE or not run.complete or not baselines:
            continue
        held = pair(run, runs)
        if held is None:
            why = difference(run.result, baselines[0].result) or "they ran on different devices"
            yield found("note", run, f"it is not held against {baselines[0].log}: {one_line(why)}")
            continue
        result, base = run.result, held.baseline.result
        if held.where == "on another node":
            yield found(
                "doubt",
                run,
                f"its baseline ran on another node ({one_line(base.host or 'unknown', 60)}, and "
                f"this one on {one_line(result.host or 'unknown', 60)})",
                baseline=held.baseline.log,
            )
        had, base_had = processors(result), processors(base)
        if had is not None and base_had is not None and had > base_had:
            yield found(
                "doubt",
                run,
                f"it had {had} threads in all, and its baseline {base_had}",
                baseline=held.baseline.log,
            )


CHECKS: tuple[Check, ...] = (cold, below_its_reference, not_plain, disturbed)
