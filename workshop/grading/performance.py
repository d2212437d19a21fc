"""Points for logs: relative to the hardware, never bare tokens/s.

What counts is the ratio to one's own baseline on the same machine, or MBU, the share of the
device's bandwidth. So a laptop and an H100 are worth the same, and a fast machine earns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workshop.grading.evidence.allocation import Pair, pair
from workshop.grading.evidence.log import Log, Run
from workshop.grading.evidence.sane import usable
from workshop.grading.records import CheckGrade, Finding
from workshop.grading.rubric import Band, LogRubric, WantedLog
from workshop.stages import BASELINE, STAGES
from workshop.util.text import one_line


@dataclass(frozen=True)
class Measured:
    """What one run is graded by.

    Attributes:
        value: its ratio to the baseline, or its MBU.
        contradicted: a log that it rests on, its own or the baseline's, contradicts itself.
    """

    value: float
    run: Run
    held: Pair | None
    contradicted: bool

    @property
    def text(self) -> str:
        if self.held is None:
            return f"{self.value:.1%} of the device's bandwidth"
        return f"{self.value:.2f} times its own baseline {self.held.where}"


def grade_logs(
    logs: Sequence[Log], rubric: LogRubric, findings: Iterable[Finding] = ()
) -> list[CheckGrade]:
    """A grade for each log that the rubric wants, in its order.

    Args:
        findings: about these logs, from ``evidence.examine`` and ``evidence.twins``.
    """
    doubted = contradicted(findings)
    return [grade(wanted, logs, rubric, doubted) for wanted in rubric.wanted]


def speeds_of(logs: Sequence[Log], findings: Iterable[Finding] = ()) -> dict[str, float]:
    """The ratio to the own baseline, by stage: the best of the runs that nothing contradicts."""
    doubted = contradicted(findings)
    found: dict[str, float] = {}
    for run in runs_in(logs):
        held = pair(run, runs_in(logs))
        stage = run.result.stage
        if stage is None or stage == BASELINE or held is None or not is_its_stage(run):
            continue
        if run.log not in doubted and held.baseline.log not in doubted:
            found[stage] = max(held.ratio, found.get(stage, 0.0))
    return found


def contradicted(findings: Iterable[Finding]) -> frozenset[str]:
    """The logs that a finding says cannot be as they are."""
    return frozenset(one.about for one in findings if one.severity == "contradiction")


def runs_in(logs: Sequence[Log]) -> list[Run]:
    """The complete runs whose numbers can be reckoned with."""
    return [run for log in logs for run in log.runs if run.complete and usable(run)]


def is_its_stage(run: Run) -> bool:
    """Whether it has the change that its stage is: a compile that is not compiled is none.

    A run with a participant's functions is that of an exercise, not of a stage.
    """
    settings = run.result.settings
    if run.exercise is not None:
        return False
    if settings is None or settings.stage not in STAGES or settings.stage != run.result.stage:
        return False
    changes = STAGES[settings.stage].changes
    return all(getattr(settings, name) == value for name, value in changes.items())


def grade(
    wanted: WantedLog, logs: Sequence[Log], rubric: LogRubric, doubted: frozenset[str]
) -> CheckGrade:
    """The best run of the stage that is wanted: one that nothing contradicts, if there is any."""
    runs = runs_in(logs)
    fitting = [run for run in runs if run.result.stage == wanted.stage and is_its_stage(run)]
    measured = [one for run in fitting if (one := measure(wanted, run, runs, doubted))]
    if not measured:
        return nothing(wanted, why_nothing(wanted, logs, fitting))
    best = max(measured, key=lambda one: (not one.contradicted, one.value))
    points = credit(best.value, wanted.bands) * wanted.points
    if best.contradicted and rubric.contradicted == "withheld":
        return withheld(wanted, best, points)
    return CheckGrade(
        "log",
        name_of(wanted),
        "passed" if points >= wanted.points else "failed",
        points,
        wanted.points,
        message_of(wanted, best),
        expected_of(wanted),
        best.text,
    )


def measure(
    wanted: WantedLog, run: Run, runs: Sequence[Run], doubted: frozenset[str]
) -> Measured | None:
    """What a run is graded by; None where it does not tell."""
    if wanted.measure == "mbu":
        mbu = run.result.mbu
        return None if mbu is None else Measured(mbu, run, None, run.log in doubted)
    held = pair(run, runs)
    if held is None:
        return None
    return Measured(held.ratio, run, held, run.log in doubted or held.baseline.log in doubted)


def credit(value: float, bands: Sequence[Band]) -> float:
    """The share of the points that a value gets: of the first band that it reaches."""
    return next((band.share for band in bands if value >= band.at_least), 0.0)


def message_of(wanted: WantedLog, best: Measured) -> str:
    """What was graded, and what it was held against."""
    log = one_line(best.run.log, 80)
    if best.held is None:
        return f"{log}: {best.text}"
    base = one_line(best.held.baseline.log, 80)
    apart = best.held.where == "on another node"
    doubt = ", which ran on another node: the two may have had different machines" if apart else ""
    return f"{log}: {best.text} ({base}{doubt})"


def expected_of(wanted: WantedLog) -> str:
    best = wanted.bands[0].at_least
    if wanted.measure == "mbu":
        return f"at least {best:.1%} of the device's bandwidth"
    return f"at least {best:.2f} times the own baseline"


def name_of(wanted: WantedLog) -> str:
    return f"log: {wanted.stage}"


def withheld(wanted: WantedLog, best: Measured, points: float) -> CheckGrade:
    """Points that wait for the teacher: said, and not given."""
    return CheckGrade(
        "log",
        name_of(wanted),
        "skipped",
        0.0,
        wanted.points,
        f"{message_of(wanted, best)}; this would be {points:g} points, which are withheld until "
        "the teacher has looked at what was noticed about this log",
        expected_of(wanted),
        best.text,
    )


def nothing(wanted: WantedLog, why: str) -> CheckGrade:
    return CheckGrade(
        "log", name_of(wanted), "skipped", 0.0, wanted.points, why, expected_of(wanted)
    )


def why_nothing(wanted: WantedLog, logs: Sequence[Log], fitting: Sequence[Run]) -> str:
    """Why a log that is wanted is not graded, and what would help."""
    if not fitting:
        there = [run for log in logs for run in log.runs if run.result.stage == wanted.stage]
        if not there:
            return f"there is no log of {wanted.stage} among what was handed in"
        reason = one_line(there[-1].result.reason or not_the_stage(there[-1]))
        return f"{one_line(there[-1].log, 80)} has no complete run of {wanted.stage}: {reason}"
    log = one_line(fitting[-1].log, 80)
    if wanted.measure == "mbu":
        return f"{log} does not tell the device's bandwidth, so there is no MBU"
    return (
        f"{log} is graded against a baseline of one's own, of the same model and prompt on the "
        "same device, and none was handed in"
    )


def not_the_stage(run: Run) -> str:
    """Why a complete run under a stage's name does not count as one."""
    if run.exercise is None:
        return "it is not this stage's own change"
    return (
        "it is an exercise run, with your functions in place of the engine's; "
        f"'workshop submit {run.result.stage}' runs the stage"
    )
