"""How many times as fast as the baseline an engine is, measured from outside."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from workshop.judge.family import descendants, loses_children, processor_seconds
from workshop.learn.checking import Draw, Work, Wrong

from .reference import drawn_model, drawn_prompt
from .tokens import judge

STARTER = Path(__file__).parents[1] / "exercise.py"
ROUNDS, MORE_ROUNDS = 2, 6
TURNS = 3  # of theirs for one of the baseline: what is short is disturbed as a whole
ON_THE_WALL = 1.5  # times by which others at work may make the ratio on the wall clock smaller
UNSURE = 1.25  # this near to a band, more rounds are taken
SURE = 2.5  # this far from it, one tells
PROMPT, NEW = 16, 12
VOCAB = 200
SHORT, LONG = 8, 200  # tokens of text, to see what grows with it


def baseline() -> Callable[[dict[str, Any], list[int], int], list[int]]:
    """The engine as it is handed out."""
    spec = importlib.util.spec_from_file_location("capstone_baseline", STARTER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate


def timed_model(draw: Draw, heads: int = 8) -> dict[str, Any]:
    return drawn_model(draw, heads, heads // 2, 64 // heads, 128, 3, VOCAB)


Clock = Callable[[], float]


@dataclass
class Times:
    """What several generations took, in seconds.

    Attributes:
        busy: of processor time.
        wall: on the clock on the wall, which sees what is done where no processor time is counted.
    """

    busy: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def take(self, clock: Clock, work: Callable[[], Any]) -> Any:
        """What the work returns; its times are added."""
        wall, busy = time.perf_counter(), clock()
        value = work()
        self.busy.append(clock() - busy)
        self.wall.append(time.perf_counter() - wall)
        return value

    def beside(self, baseline: Times) -> tuple[float, float]:
        """How many times as fast as the baseline, by processor time and by the clock on the wall.

        The second, times ``ON_THE_WALL``, bounds the first.
        """
        busy = min(baseline.busy) / max(min(self.busy), 1e-6)
        return busy, min(baseline.wall) / min(self.wall)


def reach(work: Work, band: float) -> None:
    """Raises Wrong unless the engine is ``band`` times as fast as the baseline, here and now.

    The two take turns, each time on a prompt that neither has seen, and the fastest of each counts.
    Processor time is taken, which on an idle machine is the time on the clock: who else is at work
    there flatters nobody, and harms nobody. The clock on the wall has to agree, within what others
    at work explain: no processor time is known of a process that ended with nobody waiting for it.
    """
    slow, model = baseline(), timed_model(work.draw)
    number = work.call("driver:load", model)
    clock = their_clock(work)
    for _ in range(2):  # warm-up
        work.call("driver:generate", number, drawn_prompt(work.draw, model, PROMPT), 4)
    ours, theirs = Times(), Times()
    while len(ours.busy) < ROUNDS + MORE_ROUNDS:
        a_round(work, slow, model, number, clock, ours, theirs)
        busy, wall = theirs.beside(ours)
        ratio = min(busy, leeway(work) * wall)
        off = max(ratio / band, band / ratio)
        sure = off > SURE or (len(ours.busy) >= ROUNDS and off > UNSURE)
        if sure and (ratio >= band or busy < band):  # what the wall clock says, all rounds confirm
            break
    if busy < band:
        hint = what_takes_the_time(work, number, clock, busy)
        raise too_slow(band, busy, min(ours.busy), min(theirs.busy), hint)
    if ratio < band:
        hint = (
            f"Its processes were busy for {min(theirs.busy) * 1e3:.1f} ms of that time: what is "
            "done in a process that nobody waits for counts by the clock on the wall"
        )
        raise too_slow(band, wall, min(ours.wall), min(theirs.wall), hint)


def leeway(work: Work) -> float:
    """What the ratio on the wall clock may be multiplied by: nothing where time gets lost."""
    return 1.0 if loses_children(their_processes(work)) else ON_THE_WALL


def a_round(
    work: Work,
    slow: Callable[..., Any],
    model: dict[str, Any],
    number: int,
    clock: Clock,
    ours: Times,
    theirs: Times,
) -> None:
    """One generation of the baseline, and ``TURNS`` of theirs, each judged."""
    for turn in range(TURNS):
        prompt = drawn_prompt(work.draw, model, PROMPT)
        if turn == 0:
            ours.take(time.thread_time, partial(slow, model, prompt, NEW))
        value = theirs.take(clock, partial(work.call, "driver:generate", number, prompt, NEW))
        judge(model, prompt, NEW, value)


def too_slow(band: float, ratio: float, ours: float, theirs: float, hint: str) -> Wrong:
    """What is said of an engine that is ``ratio`` times as fast as the baseline, too little."""
    sizes = f"{ours * 1e3:.0f} ms became {theirs * 1e3:.1f} ms"
    message = f"{ratio:.2g} times as fast as the baseline ({sizes})"
    return Wrong(message, f"{band:g} times", f"{ratio:.2g} times", hint)


def what_takes_the_time(work: Work, model: int, clock: Clock, ratio: float) -> str:
    """What grows that need not, as a stopwatch from outside shows it."""
    start = "" if ratio > 1.1 else "This is no faster than what was handed out. "
    first = {n: asked(work, model, clock, n, 1) for n in (SHORT, LONG)}
    five = {n: asked(work, model, clock, n, 5) for n in (SHORT, LONG)}
    each = {n: max(five[n] - first[n], 1e-5) / 4 for n in (SHORT, LONG)}
    growth = each[LONG] / each[SHORT]
    if growth > 2 and five[LONG] > 2 * first[LONG]:
        return (
            f"{start}A token takes {growth:.2g} times as long after {LONG} tokens of text as after "
            f"{SHORT}: earlier tokens are computed again. Keep their keys and values"
        )
    if first[LONG] > LONG / SHORT / 2 * first[SHORT]:
        return (
            f"{start}Reading {LONG} tokens takes {first[LONG] / first[SHORT]:.2g} times as long "
            f"as {SHORT}: they can be read in one pass, as rows of one matrix"
        )
    small = work.call("driver:load", timed_model(work.draw, heads=2))
    took = asked(work, small, clock, SHORT, 5) - asked(work, small, clock, SHORT, 1)
    fewer = max(took, 1e-6) / 4
    if each[SHORT] > 1.6 * fewer:
        return (
            f"{start}8 heads take {each[SHORT] / fewer:.2g} times as long as 2 of the same size "
            "together: make one product of them all, and look at all heads at once"
        )
    return (
        f"{start}A token takes {each[SHORT] * 1e3:.2g} ms however long the text is: now count the "
        "calls of torch in a step. What is the same for all tokens belongs into prepare"
    )


def asked(work: Work, model: int, clock: Clock, length: int, new_tokens: int) -> float:
    """Seconds of a generation, the fastest of two."""
    took = []
    for _ in range(2):
        prompt = work.draw.integers(0, VOCAB - 1, length).tolist()
        started = clock()
        work.call("driver:generate", model, prompt, new_tokens)
        took.append(clock() - started)
    return min(took)


def their_clock(work: Work) -> Clock:
    """Seconds of processor time of their process and of all that it has started.

    What has left it behind counts as well: it is a child of the fork server then. So does what has
    ended: with its parent, which has waited for it. Where the kernel does not tell, it is the clock
    on the wall.
    """

    def clock() -> float:
        return processor_seconds(their_processes(work))

    return clock if clock() > 0 else time.perf_counter


def their_processes(work: Work) -> set[int]:
    """Their process and all that it has started."""
    server = work.student.server
    return set(descendants(server.process.pid)) - server.family
