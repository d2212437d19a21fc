"""From what a class handed in to everybody's grades, and once more with only what changed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from grading_parts import EARLY, FILES, SOLUTION, STARTER, sums_order, write

from workshop.grading import store
from workshop.grading.attempt import GradingJob, Order, do, loaded
from workshop.grading.intake.roster import Roster
from workshop.grading.intake.submissions import Attempt, Gathered
from workshop.grading.plans import Runner, planned, to_run
from workshop.grading.records import Class, Participant
from workshop.grading.rubric import ExerciseRubric, Late, Rubric
from workshop.grading.schedule import Lost, Results
from workshop.grading.whole import Outcome, grade_class
from workshop.judge.server import room

DAY = datetime.timedelta(days=1)
RUBRIC = Rubric(exercises={"sums": ExerciseRubric(points=80)}, thresholds={"passed": 0.5})
HALF = SOLUTION.replace("2 * x", "2 * abs(x)")
PEOPLE = ("ada", "bob", "eve", "joe")


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Order:
    return sums_order(tmp_path_factory.mktemp("sums"))


def handed_in(
    place: Path,
    who: str,
    code: str,
    number: int = 1,
    when: datetime.datetime | None = EARLY,
    known: bool = True,
) -> Attempt:
    folder = write(
        place / f"{who}-{number}",
        {"sums/exercise.py": code, "sums/answers.toml": "half = 0.5\n"},
    )
    digest = store.digest_of_files(folder)
    return Attempt(Participant(who), known, number, when, Path(f"{who}.zip"), folder, digest, [])


@pytest.fixture(scope="module")
def here() -> Iterator[Runner]:
    """Runs jobs in this process, all with one fork server."""
    with room() as server:

        def run(jobs: Sequence[GradingJob], order: Order) -> Results:
            tasks = loaded(order)
            for job in jobs:
                yield job, do(job, order, tasks, server)

        yield run


def grade(
    order: Order, attempts: Sequence[Attempt], run: Runner, rubric: Rubric = RUBRIC
) -> Outcome:
    roster = Roster([Participant(name) for name in PEOPLE])
    gathered = Gathered(list(attempts), [])
    out = order.work.parent
    return grade_class(gathered, roster, rubric, order, out, run)


def scores(cls: Class) -> dict[str, tuple[int, float]]:
    return {name: (graded.attempt, graded.score) for name, graded in cls.graded.items()}


def nothing_is_run(jobs: Sequence[GradingJob], order: Order) -> Results:
    yield from ((job, Lost("nothing is run here")) for job in jobs)


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> list[Attempt]:
    place = tmp_path_factory.mktemp("class")
    return [
        handed_in(place, "ada", SOLUTION),
        handed_in(place, "bob", HALF),
        handed_in(place, "bob", STARTER, number=2, when=EARLY + DAY),
        handed_in(place, "eve", "def double(x:\n", when=None),
        handed_in(place, "who", SOLUTION, known=False),
    ]


def test_everybody_is_graded_and_only_what_changed_is_run_again(
    order: Order, attempts: list[Attempt], here: Runner, tmp_path: Path
) -> None:
    first = grade(order, attempts, here)
    assert scores(first.cls) == {"ada": (1, 80), "bob": (1, 60), "eve": (1, 10)}
    assert first.cls.attempts == {"ada": 1, "bob": 2, "eve": 1}
    assert [graded.participant.id for graded in first.cls.unknown] == ["who"]
    assert first.cls.exercises == {"sums": 80}
    assert (first.ran, first.lost) == (4, {})  # who's work is ada's, letter by letter

    again = grade(order, attempts, nothing_is_run)
    assert (scores(again.cls), again.ran) == (scores(first.cls), 0)

    changed = handed_in(tmp_path, "eve", SOLUTION + "# at last\n")
    third = grade(order, [*attempts[:3], changed], here)
    assert (third.ran, scores(third.cls)["eve"]) == (1, (1, 80))


def test_another_rubric_runs_nothing(order: Order, attempts: list[Attempt], here: Runner) -> None:
    grade(order, attempts, here)
    rubric = Rubric(
        due=EARLY + DAY / 2,
        attempt="last",
        late=Late(per_day=0.5),
        exercises={"sums": ExerciseRubric(weight=10)},
    )
    outcome = grade(order, attempts, nothing_is_run, rubric)
    assert scores(outcome.cls) == {"ada": (1, 80), "bob": (2, 5), "eve": (1, 10)}
    bob = outcome.cls.graded["bob"]
    assert (bob.exercises[0].points, bob.exercises[0].penalty) == (10, 5)
    assert "it came 12 hours late, which costs 5 points" in [one.sentence for one in bob.remarks]
    eve = outcome.cls.graded["eve"]
    assert "nothing tells when it was handed in" in eve.remarks[0].sentence


def test_who_could_not_be_graded_is_told_and_not_given_a_zero(
    order: Order, attempts: list[Attempt], here: Runner, tmp_path: Path
) -> None:
    grade(order, attempts, here)
    joe = handed_in(tmp_path, "joe", SOLUTION + "# joe\n")
    outcome = grade(order, [*attempts, joe], nothing_is_run)
    assert outcome.lost == {"joe, attempt 1 (joe.zip)": "nothing is run here"}
    assert "joe" not in outcome.cls.graded
    assert outcome.cls.attempts["joe"] == 1
    assert "joe, attempt 1 (joe.zip) could not be graded" in outcome.cls.remarks[-1].sentence
    assert outcome.cls.graded["ada"].score == 80


def test_another_seed_isolation_or_check_is_run_anew(
    order: Order, attempts: list[Attempt], here: Runner
) -> None:
    from dataclasses import replace

    grade(order, attempts, here)
    plans = planned(attempts, order)
    assert to_run(plans, order.work) == []
    for other in (replace(order, seed=2), replace(order, isolation="landlock")):
        assert len(to_run(planned(attempts, other), order.work)) == 4
    assert order.root is not None
    (order.root / "sums/checks/more.py").write_text("x = 1\n", encoding="utf-8")
    assert len(to_run(planned(attempts, order), order.work)) == 4
    (order.root / "sums/checks/more.py").unlink()


def test_what_fails_our_own_solution_counts_for_nobody(here: Runner, tmp_path: Path) -> None:
    place = sums_order(tmp_path)
    wrong = FILES["solutions/sums/exercise.py"].replace("2 * x", "2 * abs(x)")
    write(tmp_path, {"solutions/sums/exercise.py": wrong})
    attempts = [handed_in(tmp_path, "ada", HALF), handed_in(tmp_path, "bob", STARTER)]
    outcome = grade(place, attempts, here)
    assert scores(outcome.cls) == {"ada": (1, 80), "bob": (1, 13.33)}  # 1 of the 6 points left
    (told,) = [one for one in outcome.cls.remarks if one.about == "sums"]
    assert "'doubling what is below zero' counts for no attempt 1" in told.sentence
    ada = outcome.cls.graded["ada"].exercises[0].checks
    assert (ada[3].max_points, ada[3].status) == (0, "skipped")


def test_the_log_tells_what_was_done(order: Order, attempts: list[Attempt], here: Runner) -> None:
    grade(order, attempts, here)
    lines = (order.work.parent / store.LOG).read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    assert {line["what"] for line in told} >= {"begun", "graded"}
    ada = next(line for line in told if line["what"] == "graded" and line["who"] == "ada")
    assert (ada["attempt"], ada["isolation"]) == (1, "process")
    assert ada["seconds"]["sums"] > 0


def test_what_a_file_reaches_for_is_for_the_teacher_alone(
    order: Order, here: Runner, tmp_path: Path
) -> None:
    code = SOLUTION + "\ndef other():\n    import driver\n    return driver\n"
    graded = grade(order, [handed_in(tmp_path, "ada", code)], here).cls.graded["ada"]
    (found,) = (one for one in graded.findings if "reaches for" in one.sentence)
    assert (found.severity, found.private) == ("doubt", True)
    assert found.evidence == {"driver": "line 9"}
