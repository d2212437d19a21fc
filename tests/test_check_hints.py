"""What 'workshop check' shows to help: hints by level, once each, and what to do next."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from workshop.learn.answers import Expected, Question, judge
from workshop.learn.causes import in_digits
from workshop.learn.run import Outcome

BITS = "def weight_bytes(parameters, bits):\n    return parameters * bits\n"


def workshop(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "workshop", *arguments]
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert "Traceback" not in ran.stderr
    return ran.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    workshop("init", "mine", "--cluster", "cyclone", cwd=tmp_path)
    return tmp_path / "mine"


def hints_of(said: str) -> list[str]:
    return [line.strip() for line in said.splitlines() if line.strip().startswith("hint:")]


def test_the_first_hint_tells_more_than_the_check_does(copy: Path) -> None:
    """The cause is known without asking; each hint stands on a line of its own."""
    (copy / "napkin" / "exercise.py").write_text(BITS, encoding="utf-8")
    plain = workshop("check", "napkin", cwd=copy)
    first = workshop("check", "napkin", "--hint", cwd=copy)
    second = workshop("check", "napkin", "--hint", cwd=copy)
    (cause,) = [line for line in hints_of(plain) if "8" in line][:1]
    assert hints_of(first)[:2] == [
        cause,
        "hint: How many bytes is one parameter of that many bits?",
    ]
    assert hints_of(second)[0] == cause
    assert hints_of(second)[1] not in hints_of(first)
    kept = json.loads((copy / ".workshop" / "progress.json").read_text(encoding="utf-8"))
    assert kept["napkin"]["hints"] == {"bytes of the weights": 2}


def test_predictions_are_reminded_of_once(copy: Path) -> None:
    said = workshop("check", "first-run", cwd=copy)
    assert said.count("no answer yet") == 11
    assert said.count("write your prediction before you run") == 1


def test_nothing_is_drawn_for_predictions(copy: Path) -> None:
    said = workshop("check", "first-run", cwd=copy)
    assert "--seed" not in said
    assert "--hint" not in said
    assert "first-run/README.md" in said
    drawn = workshop("check", "napkin", cwd=copy)
    assert "draws the same inputs again" in drawn


def test_a_prediction_has_no_hint_and_none_is_counted(copy: Path) -> None:
    said = workshop("check", "first-run", "--hint", cwd=copy)
    assert "predictions have no hints" in said
    kept = json.loads((copy / ".workshop" / "progress.json").read_text(encoding="utf-8"))
    assert kept["first-run"]["hints"] == {}


def test_hints_are_separate() -> None:
    failed = Outcome("x", "y", "failed", 0, 1, "off", cause="a cause", hints=("1", "2", "3"))
    assert [failed.hints_at(level) for level in range(4)] == [
        ["a cause"],
        ["a cause", "1"],
        ["a cause", "2"],
        ["a cause", "3"],
    ]
    assert failed.hint(2) == "a cause\n2"
    assert Outcome("x", "y", "passed", 1, 1).hints_at(3) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1000.0, "1000"),
        (0.001, "0.001"),
        (123456.0, "120000"),
        (1.2345e-5, "0.000012"),
        (2.0, "2"),
        (-1e6, "-1000000"),
        (0.0, "0"),
        (1e300, "1e+300"),
        (1e-30, "1e-30"),
    ],
)
def test_a_ratio_has_digits_and_no_exponent(value: float, words: str) -> None:
    assert in_digits(value, 2) == words


def test_a_prediction_that_is_far_off_tells_how_far() -> None:
    question = Question("mb", Expected(value=218.0, reasoning="r"))
    assert judge(question, 218000.0).message == "this is 1000 times what it should be"
