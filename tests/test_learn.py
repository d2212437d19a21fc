"""Exercises: the working copy, checking in it, and the proof that checks tell right from wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from workshop.cli import cli
from workshop.cli.check import did_you_mean
from workshop.judge.judge import ForkServer, fork_server, wait_until_ready
from workshop.learn import progress, workspace
from workshop.learn.answers import Expected, Question, Slip, judge, read_answers, read_lines
from workshop.learn.exercise import Exercise, checks_of, exercises, questions_of
from workshop.learn.little import Little
from workshop.learn.made import Made
from workshop.learn.run import Outcome, one_thread, run_checks, run_questions
from workshop.learn.solved import right_answer
from workshop.learn.verify import verify
from workshop.util.errors import UsageError

CHECKS = """
from workshop.learn.checking import Work, Wrong, check, same_number

HINTS = ("What is twice a number?", "A number and itself.", "2 * x")


@check(points=2, hints=HINTS)
def doubling(work: Work) -> None:
    x = work.draw.integer(3, 1000)
    actual = work.call("double", x)
    if actual == x * x:
        raise Wrong("the double is off", 2 * x, actual, "that is the square")
    same_number(actual, 2 * x, "the double")


@check(points=1, hints=HINTS, needs=("doubling",))
def doubling_twice(work: Work) -> None:
    same_number(work.call("driver:twice", 5), 20, "doubled twice")


@check(points=1, hints=HINTS)
def adding(work: Work) -> None:
    same_number(work.call("add", 2, 3), 5, "the sum")
"""
SOLUTION = "def double(x):\n    return 2 * x\n\n\ndef add(a, b):\n    return a + b\n"
STARTER = SOLUTION.replace("return 2 * x", "raise NotImplementedError").replace(
    "return a + b", "raise NotImplementedError"
)
DRIVER = "def twice(theirs, x):\n    return theirs.double(theirs.double(x))\n"
FILES = {
    "exercises/sums/exercise.toml": 'title = "Sums"\norder = 1\nminutes = 5\n',
    "exercises/sums/README.md": "# Sums\n\n```sh\nworkshop check sums --hint\n```\n",
    "exercises/sums/exercise.py": STARTER,
    "exercises/sums/answers.toml": 'half = "?"\n',
    "exercises/sums/checks/checks.py": CHECKS,
    "exercises/sums/checks/driver.py": DRIVER,
    "solutions/sums/README.md": "# Solved\n\n[the exercise](../../exercises/sums/README.md)\n",
    "solutions/sums/exercise.py": SOLUTION,
    "solutions/sums/answers.toml": '[half]\nvalue = 0.5\nreasoning = "1 / 2"\n',
    "solutions/sums/right/added.py": "# Added.\ndef double(x):\n    return x + x\n",
    "solutions/sums/right/shifted.py": "# Shifted.\ndef double(x):\n    return x << 1\n",
    "solutions/sums/right/summed.py": "# Summed.\ndef add(*both):\n    return sum(both)\n",
    **{
        f"exercises/sums/checks/wrong/square{i}.py": (
            f'HINT = "the square"\n\n\ndef double(x):\n    return x ** 2  # {i}\n'
        )
        for i in range(6)
    },
}


@pytest.fixture
def sums(tmp_path: Path) -> Exercise:
    """An exercise that is in order."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return exercises(tmp_path / "exercises", tmp_path / "solutions")["sums"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with fork_server(tmp_path_factory.mktemp("home")) as started:
        wait_until_ready(started)
        yield started


def outcomes(exercise: Exercise, server: ForkServer, code: str) -> list[Outcome]:
    file = exercise.folder.parent / "attempt.py"
    file.write_text(code, encoding="utf-8")
    return list(run_checks("sums", checks_of(exercise), file, exercise.driver, server, seed=1))


def flaws(exercise: Exercise, server: ForkServer) -> list[str]:
    return [f"{flaw.where}: {flaw.what}" for flaw in verify(exercise, server, 1, cli)]


def workshop(*arguments: str, cwd: Path, code: int = 0) -> str:
    environment = {**os.environ, "COLUMNS": "200"}
    ran = subprocess.run(
        [sys.executable, "-m", "workshop", *arguments],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout + ran.stderr


def test_a_solution_passes_every_check(sums: Exercise, server: ForkServer) -> None:
    found = outcomes(sums, server, SOLUTION)
    assert [(o.check, o.status, o.points) for o in found] == [
        ("doubling", "passed", 2),
        ("doubling twice", "passed", 1),
        ("adding", "passed", 1),
    ]


def test_what_depends_on_a_failed_check_is_skipped_and_the_rest_goes_on(
    sums: Exercise, server: ForkServer
) -> None:
    found = outcomes(sums, server, SOLUTION.replace("2 * x", "x ** 2"))
    assert [o.status for o in found] == ["failed", "skipped", "passed"]
    assert found[0].message == "the double is off"
    assert found[0].cause == "that is the square"
    assert int(found[0].actual or "") != int(found[0].expected or "")
    assert found[1].message == "needs 'doubling' first"


def test_hints_get_more_concrete(sums: Exercise, server: ForkServer) -> None:
    failed = outcomes(sums, server, STARTER)[0]
    assert failed.message == "not written yet (line 2)"
    assert [failed.hint(level) for level in (1, 2, 3)] == [
        "What is twice a number?",
        "A number and itself.",
        "2 * x",
    ]


def test_inputs_are_the_same_from_the_same_seed_alone(sums: Exercise, server: ForkServer) -> None:
    wrong = SOLUTION.replace("2 * x", "x")
    file = sums.folder / "attempt.py"
    file.write_text(wrong, encoding="utf-8")

    def expected(seed: int) -> str | None:
        return next(run_checks("sums", checks_of(sums), file, None, server, seed)).expected

    assert expected(1) == expected(1)
    assert len({expected(seed) for seed in range(5)}) > 1


def test_an_answer_of_an_unthought_of_form_fails_the_check_alone(
    sums: Exercise, server: ForkServer
) -> None:
    for answer in ("{}", "[]", "None", "'2'", "float('nan')", "True", "b''"):
        found = outcomes(sums, server, SOLUTION.replace("2 * x", answer))
        assert [o.status for o in found] == ["failed", "skipped", "passed"], answer


def test_files_beside_a_check_file_are_those_of_its_own_exercise(tmp_path: Path) -> None:
    for name, points in (("one", 1), ("two", 2)):
        folder = tmp_path / "exercises" / name
        (folder / "checks").mkdir(parents=True)
        (folder / "exercise.toml").write_text('title = "T"\norder = 1\nminutes = 1\n')
        (folder / "checks" / "worth.py").write_text(f"POINTS = {points}\n")
        (folder / "checks" / "checks.py").write_text(
            "from workshop.learn.checking import check\n"
            "from .worth import POINTS\n\n"
            "@check(points=POINTS, hints=('a', 'b', 'c'))\ndef something(work):\n    pass\n"
        )
    found = exercises(tmp_path / "exercises", tmp_path / "solutions")
    assert [[c.points for c in checks_of(one)] for one in found.values()] == [[1], [2]]


def test_an_exercise_in_order_is_verified(sums: Exercise, server: ForkServer) -> None:
    assert flaws(sums, server) == []


@pytest.mark.parametrize(
    ("file", "text", "flaw"),
    [
        ("exercises/sums/exercise.py", SOLUTION, "doubling: passes on the untouched starter"),
        ("exercises/sums/answers.toml", "half = 0.5\n", "answer: half: passes on the untouched"),
        ("solutions/sums/exercise.py", STARTER, "doubling: fails on the solution with seed 1"),
        ("exercises/sums/checks/wrong/square0.py", 'HINT = "the square"\n', "square0.py: passes"),
        ("exercises/sums/checks/wrong/square0.py",
         'HINT = "cube"\ndef double(x):\n    return x * x\n', "square0.py: is told"),
        ("exercises/sums/checks/wrong/square0.py", "x = 1\n", "square0.py: has no HINT"),
        ("solutions/sums/right/added.py", "# Wrong.\ndef double(x):\n    return 3 * x\n",
         "right/added.py: fails with seed 1 doubling: the double is off"),
        ("solutions/sums/right/added.py", "def double(x):\n    return x + x\n",
         "added.py: has no comment in line 1"),
        ("exercises/sums/README.md", "[gone](gone.md)", "links to gone.md"),
        ("exercises/sums/README.md", "```sh\nworkshop chekc\n```", "no command 'chekc'"),
        ("exercises/sums/README.md", "```sh\nworkshop check --hnt\n```", "No such option"),
        ("exercises/sums/README.md", "```python\nassert 1 > 2\n```", "its Python fails"),
    ],
)  # fmt: skip
def test_a_flaw_is_found(
    sums: Exercise, server: ForkServer, tmp_path: Path, file: str, text: str, flaw: str
) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert any(flaw in found for found in flaws(sums, server)), flaws(sums, server)


def test_five_wrong_answers_are_too_few(sums: Exercise, server: ForkServer) -> None:
    (sums.folder / "checks" / "wrong" / "square0.py").unlink()
    assert flaws(sums, server) == ["checks/wrong: has 5, fewer than 6"]


PI = Expected(
    value=3.14, reasoning="r", unit="m", nearly=0.1, wrong=[Slip(6.28, "that is the circumference")]
)


@pytest.mark.parametrize(
    ("answer", "share", "hint"),
    [
        (3.14, 1, None),
        (3.1, 1, None),
        (3.3, 0.5, None),
        (6.28, 0, "that is the circumference"),
        (0, 0, None),
        ("?", 0, "write your prediction before you run"),
        (None, 0, "write your prediction before you run"),
        (True, 0, None),
        ("3.14", 0, None),
        (float("nan"), 0, None),
        (float("inf"), 0, None),
        ([1], 0, None),
    ],
)
def test_a_prediction_is_judged_by_how_near_it_is(
    answer: object, share: float, hint: str | None
) -> None:
    judged = judge(Question("pi", PI), answer)
    assert judged.share == share
    if hint:
        assert judged.hint == hint


def test_a_choice_is_judged_by_its_word() -> None:
    question = Question(
        "by", Expected(value="bandwidth", reasoning="r", wrong=[Slip("compute", "count again")])
    )
    assert judge(question, " Bandwidth ").share == 1
    assert judge(question, "compute").hint == "count again"
    assert judge(question, 3).share == 0


def test_a_prediction_about_ones_own_machine_need_only_be_possible() -> None:
    question = Question("speed", Expected(reasoning="faster than light", low=1, high=1000))
    assert judge(question, 500).share == 1
    assert judge(question, 5000).share == 0


def test_what_no_float_can_hold_is_no_answer_to_anything() -> None:
    long = int("f" * 6000, 16)  # TOML can have it, and Python does not write it
    any_number = Question("speed", Expected(reasoning="faster than light", low=1))
    word = Question("by", Expected(value="bandwidth", reasoning="r"))
    for answer in (10**400, -(10**400), long, [long], {"a": long}, float("inf"), float("nan")):
        for question in (any_number, word, Question("pi", PI)):
            assert judge(question, answer).share == 0


def test_answers_that_are_no_toml_are_told(tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    for text in ("a = ", "= 3", "[" * 5000):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"answers\.toml"):
            read_answers(path)


def test_an_update_leaves_alone_what_is_theirs(tmp_path: Path) -> None:
    root = tmp_path / "copy"
    first = {Path("a/one.py"): b"1", Path("a/two.py"): b"2", Path("a/gone.py"): b"3"}
    workspace.make(root, first)
    (root / "a/two.py").write_bytes(b"mine")
    (root / "a/gone.py").unlink()
    second = {Path("a/one.py"): b"1+", Path("a/two.py"): b"2+", Path("b/new.py"): b"4",
              Path("a/gone.py"): b"3"}  # fmt: skip
    changes = {str(c.path): c.what for c in workspace.update(root, second)}
    assert changes == {
        "a/one.py": "updated",
        "a/two.py": "yours, the new one beside it",
        "b/new.py": "new",
        "a/gone.py": "yours",
    }
    assert (root / "a/one.py").read_bytes() == b"1+"
    assert (root / "a/two.py").read_bytes() == b"mine"
    assert (root / "a/two.py.new").read_bytes() == b"2+"
    assert not (root / "a/gone.py").exists()
    again = {str(c.path): c.what for c in workspace.update(root, second)}
    assert again["a/two.py"] == "yours"


def test_a_working_copy_is_never_made_over_something(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="there already"):
        workspace.make(tmp_path, {Path("README.md"): b"ours"})
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"


def test_a_place_where_no_working_copy_can_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for place in (tmp_path / "file" / "copy", Path("/proc/copy")):
        with pytest.raises(UsageError, match="choose a directory where you may write"):
            workspace.make(place, {Path("README.md"): b"#"})


def test_reset_keeps_what_it_replaces(sums: Exercise, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    workspace.make(root, {Path("sums/exercise.py"): STARTER.encode()})
    for attempt in ("mine", "mine again"):
        (root / "sums/exercise.py").write_text(attempt, encoding="utf-8")
        workspace.reset(root, sums)
        assert (root / "sums/exercise.py").read_text(encoding="utf-8") == STARTER
    assert (root / "sums/exercise.before-1.py").read_text(encoding="utf-8") == "mine"
    assert (root / "sums/exercise.before-2.py").read_text(encoding="utf-8") == "mine again"


def test_a_broken_progress_file_is_no_obstacle(tmp_path: Path) -> None:
    workspace.make(tmp_path / "copy", {})
    (tmp_path / "copy" / ".workshop" / "progress.json").write_text("{", encoding="utf-8")
    assert progress.read(tmp_path / "copy") == {}


def test_from_init_to_the_solution(tmp_path: Path) -> None:
    copy = tmp_path / "mine"
    workshop("init", "mine", "--cluster", "cyclone", cwd=tmp_path)
    assert "edu20" in (copy / "workshop.toml").read_text(encoding="utf-8")
    assert "is a working copy already" in workshop("init", "mine", cwd=tmp_path, code=2)
    assert not (copy / "napkin" / "checks").exists()

    assert "first-run: 0 of" in workshop("check", cwd=copy, code=1)  # the first of all
    said = workshop("check", "napkin", "--hint", cwd=copy, code=1)
    assert "not written yet" in said
    assert "How many bytes is one parameter" in said
    assert "8 bits are one byte" in workshop("check", "napkin", "--hint", cwd=copy, code=1)
    assert "do not all pass yet" in workshop("solution", "napkin", cwd=copy, code=1)

    source = exercises()["napkin"]
    shutil.copy(source.solution / "exercise.py", copy / "napkin")
    rows = json.loads(workshop("check", "napkin", "--json", cwd=copy / "napkin", code=1))
    assert rows[0].keys() >= {
        "exercise", "check", "status", "points", "max_points", "expected", "actual", "hint"
    }  # fmt: skip
    assert {row["status"] for row in rows if not row["check"].startswith("answer")} == {"passed"}
    assert json.loads((copy / ".workshop" / "progress.json").read_text(encoding="utf-8"))["napkin"][
        "hints"
    ] == {"bytes of the weights": 2}
    assert "def weight_bytes" in workshop("solution", "napkin", "--anyway", cwd=copy)

    said = workshop("check", "napkn", cwd=copy, code=2)
    assert "there is no exercise 'napkn' (did you mean napkin?)" in said
    workshop("reset", "napkin", "--yes", cwd=copy)
    assert "NotImplementedError" in (copy / "napkin" / "exercise.py").read_text(encoding="utf-8")
    assert (copy / "napkin" / "exercise.before-1.py").is_file()


def test_another_file_is_checked_in_place_of_the_participants(tmp_path: Path) -> None:
    solution = exercises()["napkin"].solution / "exercise.py"
    other = tmp_path / "other.py"
    shutil.copy(solution, other)
    rows = json.loads(workshop("check", "napkin", "--file", str(other), "--json", cwd=tmp_path))
    assert {row["status"] for row in rows} == {"passed"}


def test_without_a_working_copy_a_sentence_says_so(tmp_path: Path) -> None:
    said = workshop("check", "napkin", cwd=tmp_path, code=2)
    assert "there is no folder napkin here" in said


def test_what_a_function_makes_is_seen_and_what_it_only_looks_at_is_not() -> None:
    given = torch.ones(10, 20)
    with Made() as made:
        view = given.T[3:].unsqueeze(0)
        given.add_(1)
        assert made.largest == 0
        kept = torch.zeros(5)
        for _ in range(3):
            torch.cat([given, given])
    assert (view.shape, kept.shape) == ((1, 17, 10), (5,))
    assert made.largest == 400
    assert made.peak == 4 * (400 + 5)  # one of the three at a time
    assert [step.bytes for step in made.steps if step.name == "cat"] == [1600] * 3


def test_what_somebody_still_has_is_held() -> None:
    somewhere = []
    with Made() as made:
        given = torch.ones(100)
        somewhere.append(given.clone())
        view = given[:3]
        del given
    assert made.held == 800
    del view  # which kept all of what it was a part of
    assert made.held == 400


def test_what_is_kept_adds_to_the_peak() -> None:
    with Made() as made:
        kept = [torch.zeros(100) for _ in range(4)]
    assert len(kept) == 4
    assert (made.largest, made.peak) == (100, 1600)


def test_the_little_model_has_the_shapes_that_it_says() -> None:
    model = Little.random(vocab=11, layers=2, heads=3, size=4, length=7)
    x = model.embed(torch.tensor([1, 2]), torch.tensor([6]))
    q, k, v = model.layers[0].project(x)
    assert [list(one.shape) for one in (x, q, k, v)] == [[2, 1, 12], *[[2, 3, 1, 4]] * 3]
    x = model.layers[1].finish(x, v)
    assert list(x.shape) == [2, 1, 12]
    assert list(model.logits(x).shape) == [2, 11]


def test_a_check_works_things_out_with_one_thread() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_a_choice_about_ones_own_machine_need_only_be_one_of_the_words() -> None:
    question = Question("stage", Expected("as it is", choices=["compile", "tp"]))
    assert judge(question, " TP").share == 1
    assert judge(question, "gpu").expected == "compile, tp"


def test_a_wrong_answer_may_be_one_in_answers_toml(sums: Exercise, server: ForkServer) -> None:
    (sums.folder / "checks" / "wrong" / "a_third.py").write_text(
        'HINT = "times what it should be"\nANSWERS = {"half": 0.3}\n'
    )
    assert flaws(sums, server) == []


def answered(name: str) -> str:
    """An exercise's answers.toml with every question answered right."""
    lines = [f"{q.key} = {json.dumps(right_answer(q))}\n" for q in questions_of(exercises()[name])]
    return "".join(lines)


def test_the_first_exercise_is_listed_checked_and_followed_by_the_next(tmp_path: Path) -> None:
    copy = tmp_path / "mine"
    workshop("init", "mine", "--cluster", "cyclone", cwd=tmp_path)
    assert workshop("exercises", "list", cwd=copy).startswith("first-run ")
    assert "Begin with `first-run`" in (copy / "README.md").read_text(encoding="utf-8")
    (copy / "first-run" / "answers.toml").write_text(answered("first-run"), encoding="utf-8")
    said = workshop("check", cwd=copy)
    assert "All done" in said
    assert "Next: napkin (" in said
    assert "read napkin/README.md, then 'workshop check napkin'" in said
    assert "napkin: 0 of" in workshop("check", cwd=copy, code=1)
    assert "1. Predict" in workshop("solution", "first-run", cwd=copy)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Quantize", "quantize"), ("quantize/", "quantize"), ("exercises/napkin", "napkin"),
     ("tensor_parallel", "tensor-parallel"), ("spec", "speculative"), ("firstrun", "first-run")],
)  # fmt: skip
def test_a_name_that_is_nearly_right_is_asked_about(name: str, meant: str) -> None:
    assert did_you_mean(name, list(exercises())) == f" (did you mean {meant}?)"


def test_a_name_like_no_other_is_not_guessed() -> None:
    assert did_you_mean("gardening", list(exercises())) == ""


def test_known_answers_are_judged_on_every_seed(sums: Exercise, server: ForkServer) -> None:
    """A wrong answer that some draws do not show is a flaw, with the seeds on which it passes."""
    (sums.folder / "checks" / "wrong" / "square0.py").write_text(
        'HINT = "the square"\n\n\ndef double(x):\n    return x * x if x % 2 and x > 20 else 2 * x\n'
    )
    lines: list[str] = []
    found = list(verify(sums, server, 1, cli, seeds=12, tell=lines.append))
    (flaw,) = found
    assert flaw.where == "square0.py"
    assert flaw.what.startswith("passes every check with seed ")
    assert "of 12 seeds" in flaw.what
    assert "sums: wrong/square0.py, seed 12 of 12" in lines
    assert "sums: right/added.py, seed 1 of 12" in lines


def test_what_only_hidden_checks_detect_is_judged_on_every_seed(
    sums: Exercise, server: ForkServer
) -> None:
    (sums.solution / "hidden.py").write_text(
        "from workshop.learn.checking import check, same_number\n\n\n"
        "@check(points=1, hints=('a', 'b', 'c'))\ndef large(work):\n"
        "    same_number(work.call('double', 10**6), 2 * 10**6, 'the double')\n"
    )
    wrong = sums.solution / "hidden_wrong"
    wrong.mkdir()
    (wrong / "small.py").write_text(
        'CHECK = "large"\n\n\ndef double(x):\n    return 2 * min(x, 9999)\n'
    )
    (wrong / "right.py").write_text('CHECK = "large"\n')
    (wrong / "unnamed.py").write_text('CHECK = "largest"\n')
    found = [f"{one.where}: {one.what}" for one in verify(sums, server, 1, cli, seeds=2)]
    assert found == [
        "right.py: passes 'large' with seed 1 (2 of 2 seeds: 2)",
        'unnamed.py: has no CHECK = "name of a hidden check"',
    ]


def test_two_right_answers_are_too_few(sums: Exercise, server: ForkServer) -> None:
    (sums.solution / "right" / "added.py").unlink()
    assert flaws(sums, server) == ["right: has 2, fewer than 3"]


ANSWERS = """
# predictions
good = 3
comma = 0,88
thousands = 1,911
unit = 6.6 GB
percent = 66.5 %
word = bandwidth
open = ?
empty =
point = .5
trailing = 5.
colon: 7
quote = "yes
curly = “yes”
fraction = 1/3
spaced = 1 911
twice = 1
twice = 2
"""


def test_a_slip_fails_its_line_alone_and_says_what_to_write(tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    path.write_text(ANSWERS, encoding="utf-8")
    found = read_lines(path)
    assert found.pop("good") == 3
    told = {key: one.advice for key, one in found.items()}
    assert told["comma"] == "answers.toml, line 4: a decimal comma: write comma = 0.88"
    assert "thousands = 1.911 for a decimal, 1911 for thousands" in told["thousands"]
    assert "without its unit, please: write unit = 6.6" in told["unit"]
    assert "write percent = 66.5" in told["percent"]
    assert 'a word needs quotes: write word = "bandwidth"' in told["word"]
    for key in ("open", "empty"):
        assert f"there is no answer: write {key} = a number" in told[key]
    assert told["point"].endswith("point = 0.5")
    assert told["trailing"].endswith("trailing = 5.0")
    assert "write colon = 7, with an equals sign" in told["colon"]
    assert "a quote is missing" in told["quote"]
    assert "straight quotes" in told["curly"]
    assert "work it out" in told["fraction"]
    assert "no space in a number: write spaced = 1911" in told["spaced"]
    assert "twice is there twice" in told["twice"]


def test_a_slip_in_one_answer_leaves_the_points_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    path.write_text("pi = 3.14\nby = bandwidth\nthird = 0,33\n", encoding="utf-8")
    by = Question("by", Expected(value="bandwidth", reasoning="r"))
    third = Question("third", Expected(value=0.333, reasoning="r"))
    found = list(run_questions("sums", [Question("pi", PI), by, third], path))
    assert [one.points for one in found] == [1, 0, 0]
    assert found[1].message == 'answers.toml, line 2: a word needs quotes: write by = "bandwidth"'
    assert found[2].message == "answers.toml, line 3: a decimal comma: write third = 0.33"
    assert found[1].cause is None  # nothing about writing a prediction before the run


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (3140, "1000 times too large: check the units"),
        (0.00314, "1000 times too small: check the units"),
        (3.14e9, "1000000000 times too large"),
        (25.12, "8 times too large: a byte is 8 bits"),
        (314, "100 times too large: a share and a percentage"),
        (0.3185, "the inverse"),
        (-3.14, "the sign"),
        ("3.14", "a number needs no quotes: write pi = 3.14"),
        ("3,14", "a decimal comma: write pi = 3.14"),
        ("3.14 m", "without its unit, please: write pi = 3.14"),
        (12.34, None),
        (1.57, None),
    ],
)
def test_a_unit_is_named_where_it_explains_the_answer(answer: object, words: str | None) -> None:
    hint = judge(Question("pi", PI), answer).hint
    assert (hint is None) if words is None else (hint is not None and words in hint)


def test_gibibytes_are_named() -> None:
    for nearly in (0.02, 0.1):  # 7 % off: wrong, or nearly right
        question = Question("gb", Expected(value=13.48, reasoning="r", within=0.01, nearly=nearly))
        hint = judge(question, 13.48e9 / 2**30).hint
        assert hint == "1 GB is 1e9 bytes here, not 2**30"


def test_what_is_counted_is_a_whole_number() -> None:
    count = Expected(value=121, reasoning="r", whole=True, within=0, nearly=0.02)
    for answer, share in ((121, 1), (121.0, 1), (121.3, 0.5), (122, 0.5), (130, 0)):
        assert judge(Question("n", count), answer).share == share
    assert "whole number" in judge(Question("n", count), 121.3).message


def test_a_tolerance_of_less_than_a_percent_is_told_as_it_is() -> None:
    question = Question("ms", Expected(value=1911, reasoning="r", within=0.001, nearly=0.01))
    assert judge(question, 1920).expected == "within 0.1 %"


def test_what_a_function_does_not_return_is_told(sums: Exercise, server: ForkServer) -> None:
    found = outcomes(sums, server, SOLUTION.replace("return 2 * x", "print(2 * x)"))
    assert found[0].cause is not None
    assert "end the function with return" in found[0].cause


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def twice(x):\n    return 2 * x\n", "keep the names that were handed out"),
        ("def double():\n    return 2\n", "keep the parameters as they were"),
        ("def double(x):\n    return int(input())\n", "nobody is there to answer input()"),
    ],
)
def test_an_error_that_says_it_all_gets_advice(
    sums: Exercise, server: ForkServer, code: str, words: str
) -> None:
    cause = outcomes(sums, server, code)[0].cause
    assert cause is not None
    assert words in cause
