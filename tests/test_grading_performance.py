"""Points for logs: in proportion to the machine, in bands, and withheld where a log is in doubt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from grading_logs import ANN, faster, in_job, logs_of, record_of, rewritten, with_times
from hypothesis import given, settings
from hypothesis import strategies as st

from workshop.grading.evidence import Log, examine
from workshop.grading.performance import credit, grade_logs, speeds_of
from workshop.grading.records import CheckGrade
from workshop.grading.rubric import Band, LogRubric, WantedLog
from workshop.record.results import Result
from workshop.record.results.parts import TokenCheck
from workshop.stages import settings_of

BANDS = [Band(at_least=1.5, share=1.0), Band(at_least=1.2, share=0.5)]
COMPILE = WantedLog("roofline", "compile", BANDS, points=4)
MBU = WantedLog("roofline", "quantize", [Band(0.5, 1.0), Band(0.04, 0.25)], "mbu", points=4)


def graded(logs: list[Log], wanted: WantedLog = COMPILE, **options: str) -> CheckGrade:
    rubric = LogRubric([wanted], **options)  # type: ignore[arg-type]
    (grade,) = grade_logs(logs, rubric, examine(logs, ANN))
    return grade


def both(folder: Path, base: Result, run: Result) -> list[Log]:
    return logs_of(folder, base=rewritten(base), run=rewritten(run))


@pytest.mark.parametrize(
    ("times", "points", "status"),
    [(1.0, 4.0, "passed"), (0.7, 2.0, "failed"), (0.5, 0.0, "failed")],
)
def test_points_are_for_the_ratio_to_the_own_baseline(
    times: float, points: float, status: str, tmp_path: Path
) -> None:
    """The real run is 1.94 times its baseline."""
    logs = both(tmp_path, record_of("baseline"), faster(record_of("compile"), times))
    grade = graded(logs)
    assert (grade.points, grade.max_points, grade.status) == (points, 4.0, status)
    assert grade.expected == "at least 1.50 times the own baseline"
    assert grade.actual == f"{1.9396 * times:.2f} times its own baseline on the same node"


@given(times=st.floats(0.1, 3))
@settings(max_examples=15)
def test_a_faster_machine_earns_nothing(
    times: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pair = (faster(record_of("baseline"), times), faster(record_of("compile"), times))
    logs = both(tmp_path_factory.mktemp("logs"), *pair)
    assert graded(logs).points == 4.0
    assert speeds_of(logs) == pytest.approx({"compile": 1.939592})


def test_mbu_is_the_share_of_the_devices_bandwidth(tmp_path: Path) -> None:
    grade = graded(logs_of(tmp_path, run=rewritten(record_of("quantize"))), MBU)
    assert (grade.points, grade.actual) == (1.0, "5.0% of the device's bandwidth")


@given(st.floats(0, 10), st.floats(0, 10))
def test_more_is_never_worth_less(one: float, other: float) -> None:
    assert credit(min(one, other), BANDS) <= credit(max(one, other), BANDS)


def test_of_several_baselines_the_nearest_counts_and_of_those_the_fastest(tmp_path: Path) -> None:
    slow = with_times(record_of("baseline"), [3, 3.01, 3.02, 2.99, 2.98])
    run = record_of("compile")
    logs = logs_of(tmp_path, a=rewritten(slow), b=rewritten(record_of("baseline")),
                   c=rewritten(run))  # fmt: skip
    assert "(b.out)" in graded(logs).message
    same_job = [in_job(slow, "7"), in_job(record_of("baseline"), "8"), in_job(run, "7")]
    logs = logs_of(tmp_path, **dict(zip("abc", map(rewritten, same_job), strict=True)))
    assert graded(logs).actual == "5.80 times its own baseline in the same job"


def test_a_baseline_of_another_node_is_said_to_be_one(tmp_path: Path) -> None:
    logs = both(tmp_path, replace(record_of("baseline"), host="sim02"), record_of("compile"))
    assert "another node: the two may have had different machines" in graded(logs).message


@pytest.mark.parametrize(
    ("base", "why"),
    [
        (None, "none was handed in"),
        ({"device": "another processor"}, "none was handed in"),
        ({"dtype": "float32"}, "none was handed in"),
        ({"prompt_tokens": 600}, "none was handed in"),
    ],
)
def test_without_a_baseline_of_the_same_work_there_is_no_ratio(
    base: dict[str, object] | None, why: str, tmp_path: Path
) -> None:
    texts = {"run": rewritten(record_of("compile"))}
    if base is not None:
        texts["base"] = rewritten(replace(record_of("baseline"), **base))  # type: ignore[arg-type]
    grade = graded(logs_of(tmp_path, **texts))
    assert (grade.points, grade.status) == (0.0, "skipped")
    assert why in grade.message


def test_a_stage_without_its_change_is_not_that_stage(tmp_path: Path) -> None:
    eager = replace(settings_of("compile"), compile=False)
    run = replace(record_of("compile"), settings=eager, compile_seconds=None)
    grade = graded(both(tmp_path, record_of("baseline"), run))
    assert grade.message == (
        "run.out has no complete run of compile: it is not this stage's own change"
    )


def test_a_log_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    assert graded(logs_of(tmp_path)).message == (
        "there is no log of compile among what was handed in"
    )


def test_a_log_that_contradicts_itself_waits_for_the_teacher(tmp_path: Path) -> None:
    run = replace(record_of("compile"), tokens_per_second=9999.0)
    logs = both(tmp_path, record_of("baseline"), run)
    grade = graded(logs)
    assert (grade.points, grade.max_points) == (0.0, 4.0)
    assert "would be 4 points, which are withheld until the teacher" in grade.message
    assert graded(logs, contradicted="given").points == 4.0
    assert speeds_of(logs, examine(logs, ANN)) == {}


def test_a_baseline_that_contradicts_itself_withholds_points_too(tmp_path: Path) -> None:
    base = replace(record_of("baseline"), tokens_per_second=1.0)
    assert graded(both(tmp_path, base, record_of("compile"))).points == 0.0


def test_another_run_that_is_in_order_counts_in_its_place(tmp_path: Path) -> None:
    better = replace(faster(record_of("compile"), 3), tokens_per_second=9999.0)
    logs = logs_of(tmp_path, a=rewritten(record_of("baseline")),
                   b=rewritten(record_of("compile")), c=rewritten(better))  # fmt: skip
    assert graded(logs).message.startswith("b.out: 1.94 times")


def exercise_run(stage: str, name: str, check: TokenCheck | None) -> Result:
    """A run with a participant's functions, as 'submit exercise' leaves it: ten times as slow."""
    record = faster(record_of(stage), 0.1)
    assert record.settings is not None
    settings = replace(record.settings, exercise=f"{name}=/home/ann/mine/{name}/exercise.py")
    return replace(record, settings=settings, token_check=check)


WRONG_TOKENS = TokenCheck(20, 0, "of", " the", 5.0)


def test_a_run_with_an_exercises_functions_is_not_the_speed_of_a_stage(tmp_path: Path) -> None:
    run = exercise_run("compile", "compile", WRONG_TOKENS)
    logs = both(tmp_path, record_of("baseline"), run)
    assert speeds_of(logs) == {}
    grade = graded(logs)
    assert (grade.points, grade.status) == (0.0, "skipped")
    assert "exercise run" in grade.message
    assert "'workshop submit compile' runs the stage" in grade.message
    honest = logs_of(tmp_path, stage=rewritten(record_of("compile")))
    assert speeds_of(honest) == pytest.approx({"compile": 1.939592})


def test_a_run_with_an_exercises_functions_is_nobodys_baseline(tmp_path: Path) -> None:
    """The attention exercise runs as a baseline, slowly: ratios to it would be too large."""
    logs = both(tmp_path, exercise_run("baseline", "attention", None), record_of("compile"))
    assert speeds_of(logs) == {}
    assert graded(logs).points == 0


@pytest.mark.parametrize(
    "check", [WRONG_TOKENS, TokenCheck(20), TokenCheck(20, 3, "\x1b[31ma\n" * 900, "b", 1.0)]
)
def test_an_exercise_run_is_named_with_what_became_of_its_tokens(
    check: TokenCheck, tmp_path: Path
) -> None:
    logs = both(tmp_path, record_of("baseline"), exercise_run("compile", "compile", check))
    notes = [one.sentence for one in examine(logs, ANN) if "exercise run" in one.sentence]
    (note,) = notes
    assert "functions of the exercise compile" in note
    assert check.sentence[:60].split("\x1b")[0] in note
    assert "\x1b" not in note
    assert len(note) < 700
    assert not any("not the stage's own" in one.sentence for one in examine(logs, ANN))
