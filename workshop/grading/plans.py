"""Attempts in the store: what of them has to be run, and what there is of them then."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.grading import control, store
from workshop.grading.attempt import GradingJob, Order, Ran, code_digests, digests
from workshop.grading.intake.submissions import Attempt, Gathered
from workshop.grading.schedule import Lost, Results

Runner = Callable[[Sequence[GradingJob], Order], Results]


@dataclass(frozen=True)
class Planned:
    """An attempt, and under which digest each of its exercises is kept, or will be."""

    attempt: Attempt
    exercises: dict[str, str]


def planned(attempts: Sequence[Attempt], order: Order) -> list[Planned]:
    """Where everything that was handed in stands in the store."""
    code = code_digests(order)
    return [
        Planned(attempt, digests(attempt.folder, attempt.number, order, code))
        for attempt in attempts
    ]


@dataclass(frozen=True)
class PlansRun:
    """What running the plans came to.

    Attributes:
        jobs: how many were run now; the rest was in the store.
        parts: by the plan's index, what ran of it, without what our own solutions fail.
        faults: by attempt number, the checks that our own solutions fail.
        lost: by attempt, why nothing came of it.
    """

    jobs: int
    parts: dict[int, list[Ran]]
    faults: dict[int, dict[str, control.Faulty]]
    lost: dict[str, str]


def run_plans(
    gathered: Gathered,
    plans: Sequence[Planned],
    order: Order,
    out: Path,
    run: Runner,
    step: Callable[[int, int], None],
) -> PlansRun:
    """Run what the store lacks of these plans, and our own solutions beside them."""
    ours = planned(control.attempts(order, {one.number for one in gathered.attempts}), order)
    jobs = to_run(plans, order.work)
    why = run_all([*to_run(ours, order.work), *jobs], order, out, run, step)
    faults = {plan.attempt.number: control.faulty(parts_of(plan, order.work)) for plan in ours}
    parts = {
        i: [control.without(one, faults[plan.attempt.number]) for one in found]
        for i, plan in enumerate(plans)
        if (found := parts_of(plan, order.work))
    }
    lost = {
        named(plan.attempt): why.get(plan.attempt.folder, "what it came to was not kept")
        for i, plan in enumerate(plans)
        if i not in parts
    }
    return PlansRun(len(jobs), parts, faults, lost)


def to_run(plans: Sequence[Planned], work: Path) -> list[GradingJob]:
    """What is not in the store yet; what several handed in alike is run once."""
    jobs = []
    seen: set[str] = set()
    for plan in plans:
        left = {
            name: digest
            for name, digest in plan.exercises.items()
            if digest not in seen and store.stored(work, digest, Ran) is None
        }
        seen |= set(left.values())
        if left:
            attempt = plan.attempt
            jobs.append(GradingJob(attempt.participant, attempt.folder, attempt.number, left))
    return jobs


def run_all(
    jobs: Sequence[GradingJob],
    order: Order,
    out: Path,
    run: Runner,
    step: Callable[[int, int], None],
) -> dict[Path, str]:
    """Run jobs, each noted in the log; returns why, by folder, of those that came to nothing."""
    store.note(out, "begun", jobs=len(jobs), isolation=order.isolation, exercises=order.exercises)
    step(0, len(jobs))
    why: dict[Path, str] = {}
    if not jobs:
        return why
    with contextlib.closing(run(jobs, order)) as results:  # interrupted, workers end at once
        for count, (job, became) in enumerate(results, 1):
            about = {"who": job.participant.id, "attempt": job.number, "isolation": order.isolation}
            if isinstance(became, Lost):
                why[job.folder] = became.why
                store.note(out, "lost", **about, why=became.why)
            else:
                store.note(out, "graded", **about, seconds=became.seconds)
            step(count, len(jobs))
    return why


def parts_of(plan: Planned, work: Path) -> list[Ran] | None:
    """What the store has of an attempt; None where an exercise is missing."""
    parts = [store.stored(work, digest, Ran) for digest in plan.exercises.values()]
    whole = [one for one in parts if one is not None]
    return whole if len(whole) == len(parts) else None


def named(attempt: Attempt) -> str:
    return f"{attempt.participant.id}, attempt {attempt.number} ({attempt.source})"
