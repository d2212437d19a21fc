"""Some logs run again: the same settings, a prompt and a seed that nobody could know.

What is compared is the ratio to the baseline, run here in turns with the run itself, so that
whatever slows this machine slows both. On another kind of device nothing can be said: then that is
said. A different ratio is a doubt, never more: no two nodes are quite alike.

A log's settings are a participant's words: only models that come with the workshop are run, within
bounds, and never anybody's code: that belongs in the judge's isolation, where nothing is timed in
proportion to a run without them.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from workshop.grading.evidence.allocation import Pair, pair, speed_of
from workshop.grading.evidence.finding import found
from workshop.grading.evidence.log import Log
from workshop.grading.evidence.sane import usable
from workshop.grading.records import Finding, Severity
from workshop.record.results import Result
from workshop.roofline.models import model_of
from workshop.stages import BASELINE
from workshop.stages.compose import refusals, sequences
from workshop.stages.settings import Settings
from workshop.tiny.corpus import prompts
from workshop.util.text import one_line

ROUNDS = 3  # of baseline and run, in turns
SAMPLES = 3
MOST_TOKENS = 200
MOST_SEQUENCES = 16
MOST_STEPS = 16  # in one graph, or guessed at a time
MOST_RANKS = 2
MODELS = ("tiny:1", "tiny:2", "tiny", "random:260k", "random:15m", "random:42m", "random:110m")
WITHIN = 1.5  # times the largest ratio that was measured here
WITHIN_GUESSING = 2.5  # what is accepted depends on the prompt

Runner = Callable[[Settings], Result]


@dataclass(frozen=True)
class Chosen:
    """A run that is to be run again."""

    who: str
    pair: Pair


def rerun(
    logs: Mapping[str, Sequence[Log]],
    fraction: float,
    seed: int,
    runner: Runner | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, list[Finding]]:
    """What came of running a part of all logs again, by participant's id.

    Args:
        fraction: of the runs that have a baseline, from 0 to 1; at least one where it is above 0.
        seed: the secret one, which chooses runs and prompts.
        runner: runs settings and gives the record; in a process of its own on this machine if None.
        tell: hears of each run as it begins.
    """
    again: dict[str, list[Finding]] = {}
    for number, one in enumerate(chosen(logs, fraction, seed)):
        tell(f"running again: {one.who}, {one.pair.run.label}")
        rng = Random(f"rerun {seed} {number}")
        finding = run_again(one.pair, rng, runner or run_here)
        again.setdefault(one.who, []).append(finding)
    return again


def chosen(logs: Mapping[str, Sequence[Log]], fraction: float, seed: int) -> list[Chosen]:
    """The runs that are run again, drawn from all that have a baseline of their own."""
    every = [
        Chosen(who, held)
        for who, own in sorted(logs.items())
        for runs in [[run for log in own for run in log.runs if run.complete and usable(run)]]
        for run in runs
        if run.result.stage != BASELINE and (held := pair(run, runs)) is not None
    ]
    count = min(len(every), math.ceil(fraction * len(every)))
    picked = Random(f"chosen {seed}").sample(range(len(every)), count)
    return [every[place] for place in sorted(picked)]


def run_again(held: Pair, rng: Random, runner: Runner) -> Finding:
    """What came of running one run and its baseline again, in turns."""
    settings, base = settings_of(held.run.result), settings_of(held.baseline.result)
    why = why_not(settings) or why_not(base)
    if why or settings is None or base is None:
        return found("note", held.run, f"it was drawn to be run again, and was not: {why}")
    prompt, drawn = prompts(rng.randrange(2**31), 1)[0], rng.randrange(2**31)
    ratios: list[float] = []
    for _ in range(ROUNDS):
        below = runner(afresh(base, prompt, drawn))
        if other := elsewhere(held.baseline.result, below):
            return found("note", held.run, f"it was drawn to be run again, and was not: {other}")
        above = runner(afresh(settings, prompt, drawn))
        speeds = speed_of(above), speed_of(below)
        if speeds[0] is None or speeds[1] is None:
            reason = one_line(above.reason or below.reason or "it gave no tokens/s")
            return found("note", held.run, f"it was run again, and failed here: {reason}")
        ratios.append(speeds[0] / speeds[1])
    return compared(held, ratios, settings)


def settings_of(result: Result) -> Settings | None:
    """A record's settings, the model by the name that it has today: ``tiny`` once was ``tiny:1``.

    Only if the record and its settings name the same.
    """
    settings = result.settings
    if settings is None or settings.model != result.model:
        return settings
    return replace(settings, model=model_of(result) or settings.model)


def compared(held: Pair, ratios: Sequence[float], settings: Settings) -> Finding:
    """The ratio of the log beside those that were measured here."""
    within = WITHIN if settings.speculate == "none" else WITHIN_GUESSING
    severity: Severity = "doubt" if held.ratio > within * max(ratios) else "note"
    middle = sorted(ratios)[len(ratios) // 2]
    return found(
        severity,
        held.run,
        f"run again with another prompt it is {middle:.2f} times its baseline "
        f"({min(ratios):.2f} to {max(ratios):.2f}), and by the log {held.ratio:.2f} times",
        rounds=len(ratios),
        samples_each=SAMPLES,
    )


def why_not(settings: Settings | None) -> str | None:
    """Why settings that somebody wrote are not run here; None where they are."""
    if settings is None:
        return "it does not say how it was run"
    if settings.exercise is not None:
        return "it ran a participant's own code, which runs in the judge's isolation alone"
    if settings.model not in MODELS or settings.draft not in (None, "tiny"):
        return f"the model {one_line(settings.model, 60)} does not come with the workshop"
    within = (
        1 <= settings.ranks <= MOST_RANKS
        and 1 <= sequences(settings) <= MOST_SEQUENCES
        and 1 <= settings.decode_steps <= MOST_STEPS
        and 1 <= settings.draft_tokens <= MOST_STEPS
        and settings.new_tokens >= 2
    )
    if not within:
        return "its settings are larger than what is run again"
    refused = refusals(settings)
    return one_line(refused[0]) if refused else None


def afresh(settings: Settings, prompt: str, seed: int) -> Settings:
    """The same techniques, with a prompt and a seed that nobody knew, and a bounded length."""
    return replace(
        settings,
        prompt=prompt,
        prompts=(),
        chat=False,
        batch_size=sequences(settings),
        samples=SAMPLES,
        new_tokens=min(settings.new_tokens, MOST_TOKENS),
        ignore_eos=True,
        seed=seed,
        device="auto",
    )


def elsewhere(claimed: Result, here: Result) -> str | None:
    """Why a ratio from there cannot be held against one from here; None where it can."""
    if here.status == "ok" and (claimed.device, claimed.threads) != (here.device, here.threads):
        return f"it ran on {machine(claimed)}, and this is {machine(here)}"
    return None


def machine(result: Result) -> str:
    threads = f" with {result.threads} threads" if result.threads is not None else ""
    return f"{one_line(result.device or 'an unknown device', 60)}{threads}"


def run_here(settings: Settings) -> Result:
    """Run in processes of their own on this machine, as ``workshop run`` does."""
    from workshop.runner.launch import run_locally

    with tempfile.TemporaryDirectory(prefix="workshop-rerun-") as folder:
        log = Path(folder) / f"job-{settings.stage}-0.out"
        log.touch()
        return run_locally(settings, log)
