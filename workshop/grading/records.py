"""What grading says about a person: plain records, written as JSON and read again."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["note", "doubt", "contradiction"]
Status = Literal["passed", "failed", "skipped"]


class Participant(msgspec.Struct, frozen=True):
    """A person of the roster.

    Attributes:
        id: the roster's, and the gradebook's: a matriculation number, an e-mail address.
        name: as the roster spells it.
        account: the user's name on the cluster, if the roster tells it; logs are held against it.
        others: further columns of the roster by their names: an LMS wants its own back.
    """

    id: str
    name: str = ""
    email: str = ""
    account: str = ""
    others: dict[str, str] = {}


class Finding(msgspec.Struct, frozen=True):
    """What was noticed about a submission, for a teacher to decide on; never a verdict.

    Attributes:
        severity: ``note``, to know; ``doubt``, worth a question; ``contradiction``, two things that
            cannot both be so.
        about: a file of the submission, relative to it, or an exercise's name; may be empty.
        sentence: what was noticed.
        evidence: what it was read off, by name, in words and numbers as people read them.
        private: for the teacher alone: it asks whether all is as it seems.
    """

    severity: Severity
    about: str
    sentence: str
    evidence: dict[str, str] = {}
    private: bool = False


class CheckGrade(msgspec.Struct, frozen=True):
    """How a check or a prediction went.

    Attributes:
        kind: a ``check`` that participants have themselves; a ``hidden`` one; a prediction
            (``answer``); a ``log``.
        points: before the exercise's weight.
        cause: what the difference betrays, where it does: the same wrong answer, the same cause.
        hint: what helps on, for the feedback.
    """

    kind: Literal["check", "hidden", "answer", "log"]
    name: str
    status: Status
    points: float
    max_points: float
    message: str = ""
    expected: str | None = None
    actual: str | None = None
    cause: str | None = None
    hint: str | None = None


class ExerciseGrade(msgspec.Struct, frozen=True):
    """One exercise of one attempt.

    Attributes:
        handed_in: whether any file of it is there, changed or not.
        points, max_points: with the rubric's weight, before penalties.
        minutes_late: 0 where it came in time, or nobody knows when it came.
        penalty: points that lateness cost; ``penalty_rule``, how they follow from the rubric.
    """

    name: str
    handed_in: bool
    points: float
    max_points: float
    checks: list[CheckGrade] = []
    findings: list[Finding] = []
    minutes_late: float = 0.0
    penalty: float = 0.0
    penalty_rule: str = ""

    @property
    def score(self) -> float:
        """The points that count."""
        return self.points - self.penalty


class Graded(msgspec.Struct, frozen=True):
    """One attempt of one participant, graded.

    Attributes:
        attempt: 1 for the first that came.
        handed_in: when, in ISO 8601 with its zone; None where nothing tells.
        source: the archive or folder that it came from.
        digest: of what was graded and by what: files, rubric, checks, seed.
        isolation: the layers around the participant's code.
        remarks: what became of the submission on its way: an empty archive, a file left out.
        speeds: tokens/s relative to the own baseline, by stage, of the logs that count.
        evidence: what was noticed about its job logs, beside others' as well: for the teacher.
    """

    participant: Participant
    attempt: int
    handed_in: str | None
    source: str
    digest: str
    isolation: str
    exercises: list[ExerciseGrade] = []
    remarks: list[Finding] = []
    speeds: dict[str, float] = {}
    evidence: list[Finding] = []

    @property
    def score(self) -> float:
        return sum(exercise.score for exercise in self.exercises)

    @property
    def max_score(self) -> float:
        return sum(exercise.max_points for exercise in self.exercises)

    @property
    def findings(self) -> list[Finding]:
        """All of them, the gravest first."""
        order = ("contradiction", "doubt", "note")
        of_exercises = [f for exercise in self.exercises for f in exercise.findings]
        found = [*self.remarks, *self.evidence, *of_exercises]
        return sorted(found, key=lambda finding: order.index(finding.severity))


class Class(msgspec.Struct, frozen=True):
    """Everybody, after all has been graded: what gradebook, feedback and summary are written from.

    Attributes:
        roster: everybody who should have handed in, in the roster's order.
        graded: the attempt that counts, by participant's id; who is missing is not in it.
        attempts: how many each has handed in.
        unknown: submissions of nobody on the roster, graded all the same.
        remarks: about submissions that belong to nobody, or the roster itself.
        exercises: points to be had by exercise, with their weight, in their order; those of the
            submissions where it is empty.
        due: when all had to be in, in ISO 8601 with its zone.
        deadlines: of the exercises that have one of their own, likewise.
        thresholds: marks, and the share of all points that each needs.
        seconds: that grading took.
    """

    title: str
    roster: list[Participant]
    graded: dict[str, Graded]
    attempts: dict[str, int] = {}
    unknown: list[Graded] = []
    remarks: list[Finding] = []
    exercises: dict[str, float] = {}
    due: str | None = None
    seconds: float | None = None
    deadlines: dict[str, str] = {}
    thresholds: dict[str, float] = {}
