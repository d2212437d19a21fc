"""How points are given: a TOML file of the teacher's, or every exercise at its own points.

An exercise's points come from four parts: its ``checks``, the ``hidden`` ones, the ``answers`` to
its predictions, and the ``logs`` that are wanted for it. Each brings points of its own, and they
add up; ``[shares]`` gives each part a share of the exercise's points instead. What then is reached
is multiplied by the exercise's ``weight``, or scaled to its ``points``; what came late loses a part
of it (penalty.py). A rubric changes nothing about what is run: with another one, what was graded
is counted anew.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from workshop.stages import STAGES
from workshop.util.assets import folder
from workshop.util.errors import UsageError
from workshop.util.near import close

MOST_BYTES = 100_000
EXAMPLE = "grading/rubric.toml"  # in templates/

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Moment = Annotated[datetime.datetime, msgspec.Meta(tz=True)]


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Partial credit: the ``share`` of the points from ``at_least`` this much on."""

    at_least: Positive
    share: Share


class WantedLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A log that is wanted for an exercise, and what it is worth.

    Attributes:
        measure: ``ratio``, of its decode speed to that of the participant's own baseline in the
            same allocation; ``mbu``, the share of the device's bandwidth that it reached.
        bands: from the best down; below the last one there is nothing.
    """

    exercise: str
    stage: str
    bands: Annotated[list[Band], msgspec.Meta(min_length=1)]
    measure: Literal["ratio", "mbu"] = "ratio"
    points: Positive = 2.0


class LogRubric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How job logs count.

    Attributes:
        wanted: graded one by one; grade_logs gives one CheckGrade for each, in this order.
        contradicted: what becomes of the points of a log that contradicts itself until the teacher
            has decided: ``withheld``, and told how many they would be, or ``given``.
    """

    wanted: list[WantedLog] = []
    contradicted: Literal["withheld", "given"] = "withheld"


class Late(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lateness costs.

    Attributes:
        per_day: share of the points reached that is lost for each day begun.
        most: no more than this share is ever lost.
        grace_minutes: this late is in time still.
    """

    per_day: Share = 0.0
    most: Share = 1.0
    grace_minutes: NotNegative = 0.0


class Shares(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each part of an exercise is worth beside the others, whatever points its checks have.

    What an exercise has no part of leaves its share to the others.
    """

    checks: NotNegative = 0.0
    hidden: NotNegative = 0.0
    answers: NotNegative = 0.0
    logs: NotNegative = 0.0


class ExerciseRubric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one exercise is worth.

    Attributes:
        points: that it has in all; or else
        weight: that its own points are multiplied by.
        due: where it is another moment than the rubric's.
        shares: where they are other ones than the rubric's.
    """

    points: Positive | None = None
    weight: Positive | None = None
    due: Moment | None = None
    shares: Shares | None = None


class Rubric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a class is graded.

    Attributes:
        due: when all has to be there, with its offset from UTC.
        attempt: which one counts: the ``best``, after what lateness costs, or the ``last``.
        exercises: what is graded, by name; all that there are where none is named.
        thresholds: names of marks, each with the share of all points that it needs.
    """

    title: str = "workshop"
    due: Moment | None = None
    attempt: Literal["best", "last"] = "best"
    exercises: dict[str, ExerciseRubric] = {}
    shares: Shares | None = None
    late: Late = Late()
    logs: LogRubric = LogRubric()
    thresholds: dict[str, Share] = {}

    def due_of(self, exercise: str) -> datetime.datetime | None:
        return self.exercises[exercise].due or self.due

    def shares_of(self, exercise: str) -> Shares | None:
        return self.exercises[exercise].shares or self.shares

    def logs_of(self, exercise: str) -> list[WantedLog]:
        return [wanted for wanted in self.logs.wanted if wanted.exercise == exercise]


def default_rubric(known: Collection[str]) -> Rubric:
    """Every exercise at its own points; nothing is late, no log is wanted."""
    return Rubric(exercises={name: ExerciseRubric() for name in known})


def only(rubric: Rubric, names: Collection[str]) -> Rubric:
    """The rubric for these exercises alone; raises UsageError for one that it does not have."""
    for name in names:
        if name not in rubric.exercises:
            raise UsageError(
                f"the exercise {name!r} is not graded{close(name, rubric.exercises)}; "
                f"those that are: {listed(rubric.exercises)}"
            )
    chosen = {name: one for name, one in rubric.exercises.items() if name in names}
    wanted = [log for log in rubric.logs.wanted if log.exercise in names]
    logs = msgspec.structs.replace(rubric.logs, wanted=wanted)
    return msgspec.structs.replace(rubric, exercises=chosen, logs=logs)


def example() -> str:
    """A rubric to start from, every key explained."""
    return (folder("templates") / EXAMPLE).read_text(encoding="utf-8")


def read_rubric(path: Path, known: Collection[str]) -> Rubric:
    """The rubric in a TOML file, for these exercises; raises UsageError."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read the rubric {path}: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path} is larger than {MOST_BYTES // 1000} kB: that is no rubric")
    try:
        raw = msgspec.toml.decode(data)
    except (msgspec.DecodeError, ValueError) as error:  # not TOML, or not UTF-8
        raise UsageError(f"{path} cannot be read as TOML: {error}") from None
    try:
        rubric = msgspec.convert(raw, Rubric)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {in_words(error, raw)}") from None
    if not rubric.exercises:
        every = {name: ExerciseRubric() for name in known}
        rubric = msgspec.structs.replace(rubric, exercises=every)
    for flaw in flaws(rubric, known):
        raise UsageError(f"{path}: {flaw}")
    return rubric


def flaws(rubric: Rubric, known: Collection[str]) -> Iterator[str]:
    """What a rubric says that cannot be, each with its key."""
    for name, one in rubric.exercises.items():
        key = f"exercises.{name}"
        if name not in known:
            yield f"{key}: there is no such exercise; there are {listed(known)}"
        if one.points is not None and one.weight is not None:
            yield f"{key} has points and weight: give one of the two"
        if one.shares is not None and not any(msgspec.structs.astuple(one.shares)):
            yield f"{key}.shares are all 0: give one of them more"
    if rubric.shares is not None and not any(msgspec.structs.astuple(rubric.shares)):
        yield "shares are all 0: give one of them more"
    if rubric.late.per_day and not (
        rubric.due or any(one.due for one in rubric.exercises.values())
    ):
        yield "late.per_day says what lateness costs, and nothing says what is late: give due"
    for i, wanted in enumerate(rubric.logs.wanted):
        yield from log_flaws(wanted, f"logs.wanted[{i}]", rubric.exercises)
    for key, value in numbers(msgspec.to_builtins(rubric), ""):
        if not math.isfinite(value):
            yield f"{key} is {value}: a finite number is needed"
    by_share: dict[float, str] = {}
    for name, share in rubric.thresholds.items():
        if share in by_share:
            yield f"thresholds.{name} and thresholds.{by_share[share]} need the same: {share:g}"
        by_share[share] = name


def log_flaws(wanted: WantedLog, key: str, graded: Mapping[str, Any]) -> Iterator[str]:
    if wanted.exercise not in graded:
        yield (
            f"{key}.exercise is {wanted.exercise!r}, which this rubric does not grade; "
            f"it grades {listed(graded)}"
        )
    if wanted.stage not in STAGES:
        yield f"{key}.stage is {wanted.stage!r}; there are {listed(STAGES)}"
    if wanted.measure == "ratio" and STAGES.get(wanted.stage, None) is STAGES["baseline"]:
        yield f"{key}: the baseline's ratio to itself is always 1; grade it by measure = 'mbu'"
    if wanted.measure == "mbu" and wanted.bands[0].at_least > 1:
        yield (
            f"{key}.bands: at_least is {wanted.bands[0].at_least:g}, and the share of a device's "
            "bandwidth is at most 1: write 0.6 for 60 %"
        )
    for better, worse in pairwise(wanted.bands):
        if worse.at_least >= better.at_least or worse.share >= better.share:
            yield (
                f"{key}.bands: at_least = {worse.at_least:g} (share {worse.share:g}) stands after "
                f"{better.at_least:g} (share {better.share:g}): they go from the best down"
            )


def numbers(value: Any, key: str) -> Iterator[tuple[str, float]]:
    """Every number in plain data, with the key where it stands."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from numbers(one, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from numbers(one, f"{key}[{i}]")
    elif isinstance(value, float):
        yield key, value


def in_words(error: msgspec.ValidationError, raw: dict[str, Any]) -> str:
    """Where a rubric is not as it must be, what is wrong, and what there may be."""
    what, _, place = str(error).partition(" - at ")
    place = place.strip("`").removeprefix("$").lstrip(".")
    table = re.match(r"(\w+)\[\.\.\.\]", place)
    if table:  # msgspec does not say under which name
        name = next(
            (name for name, one in raw[table[1]].items() if not fits(table[1], name, one)), "?"
        )
        place = place.replace("[...]", f".{name}", 1)
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", what)
    missing = re.fullmatch(r"Object missing required field `(.*)`", what)
    if unknown:
        key = f"{place}.{unknown[1]}".lstrip(".")
        return f"there is no key {key}; there are {listed(keys_at(place))}"
    if missing:
        return f"{place} lacks {missing[1]}"
    if "timezone" in what:
        return (
            f"{place} has no offset from UTC, and a cluster and a class may be in two zones: "
            "write it as 2026-11-20T23:59:00+01:00"
        )
    return f"{place}: {what[0].lower()}{what[1:]}{choices_at(place)}"


def fits(table: str, name: str, value: Any) -> bool:
    """Whether one entry of a table is as it must be."""
    try:
        msgspec.convert({table: {name: value}}, Rubric)
    except msgspec.ValidationError:
        return False
    return True


def keys_at(place: str) -> list[str]:
    """The keys that may stand at a place such as ``logs.wanted[0]``."""
    found = type_at(place)
    return [field.encode_name for field in getattr(found, "fields", ())]


def choices_at(place: str) -> str:
    found = type_at(place)
    if isinstance(found, msgspec.inspect.LiteralType):
        return f"; there are {listed([str(value) for value in found.values])}"
    return ""


def type_at(place: str) -> Any:
    """msgspec's description of what stands at a place of a rubric; None where nothing may."""
    found: Any = msgspec.inspect.type_info(Rubric)
    for step in re.findall(r"[\w-]+|\[\d+\]", place):
        if isinstance(found, msgspec.inspect.UnionType):
            found = next((one for one in found.types if hasattr(one, "fields")), None)
        if isinstance(found, msgspec.inspect.ListType):
            found = found.item_type
        elif isinstance(found, msgspec.inspect.DictType):
            found = found.value_type
        else:
            fields = getattr(found, "fields", ())
            found = next((one.type for one in fields if one.encode_name == step), None)
    if isinstance(found, msgspec.inspect.UnionType):
        found = next((one for one in found.types if hasattr(one, "fields")), None)
    return found


def listed(names: Collection[str]) -> str:
    return ", ".join(names)
