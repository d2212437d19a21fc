"""``workshop grade``, from the command line to the files, on the napkin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from grading_parts import write, zipped

from workshop.cli import cli
from workshop.learn.exercise import exercises
from workshop.learn.verify import solved
from workshop.util.errors import UsageError

NAPKIN = exercises()["napkin"]
ROSTER = 'id,last_name,first_name,email\nada,Lovelace,Ada,ada@x.org\nbob,"O\'Neill, Jr.",Bob,b@x\n'


def grade(*words: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["grade", *map(str, words), "--executor", "debug"])
    if result.exception and not isinstance(result.exception, SystemExit | UsageError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada has solved the napkin, somebody unknown has begun it, and Bob has handed in nothing."""
    place = tmp_path_factory.mktemp("class")
    (place / "roster.csv").write_text(ROSTER, encoding="utf-8")
    (place / "in").mkdir()
    with solved(NAPKIN) as folder:
        files = {f"napkin/{path.name}": path.read_text() for path in folder.iterdir()}
    zipped(place / "in" / "ada.zip", files)
    write(place / "in" / "stranger", {"napkin/exercise.py": "def weight_bytes(p, b):\n    0\n"})
    return place


def test_a_class_is_graded_and_graded_again_in_no_time(handed_in: Path, tmp_path: Path) -> None:
    out = tmp_path / "grades"
    words = (handed_in / "in", "--roster", handed_in / "roster.csv", "-o", out)
    said = grade(*words, "--exercise", "napkin", "--seed", "1").output
    assert "1 of 2 people graded" in said
    assert "1 handed in nothing; 1 submission of nobody on the roster" in said
    assert str(out / "gradebook.csv") in said
    assert "Participants' code ran in" in said
    gradebook = (out / "gradebook.csv").read_text(encoding="utf-8-sig")
    assert "ada" in gradebook
    assert "bob" in gradebook
    assert (out / "summary.html").is_file()
    assert len(list((out / "participants").iterdir())) == 2

    repeated = grade(*words, "--exercise", "napkin", "--rerun", "0.5", "--json")  # it has no logs
    again = json.loads(repeated.stdout)
    assert again["ran"] == 0
    ada, bob = again["participants"]
    assert ada["score"] == ada["max_score"] > 10
    assert (bob["graded"], bob["attempts"]) == (False, 0)
    assert again["unknown"][0]["score"] == 0
    assert (out / "gradebook.csv").read_text(encoding="utf-8-sig") == gradebook


def test_a_dry_run_says_what_there_is_and_writes_nothing(handed_in: Path, tmp_path: Path) -> None:
    out = tmp_path / "grades"
    words = (handed_in / "in", "--roster", handed_in / "roster.csv", "-o", out, "--dry-run")
    said = grade(*words).output
    assert "ada: attempt 1" in said
    assert "bob: handed in nothing" in said
    assert "(not on the roster)" in said
    assert "1 attempt of 1 people" in said
    assert not out.exists()


def test_an_example_rubric_is_printed_and_taken(handed_in: Path, tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["grade", "--example-rubric"])
    assert printed.exit_code == 0
    (tmp_path / "rubric.toml").write_text(printed.output, encoding="utf-8")
    grade(
        handed_in / "in", "--roster", handed_in / "roster.csv", "-o", tmp_path / "grades",
        "--rubric", tmp_path / "rubric.toml", "--dry-run",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--exercise", "napkni"],
            "'napkni' is not graded (did you mean napkin?); those that are: first-run, napkin",
        ),
        (["--rubric", "{place}/roster.csv"], "cannot be read as TOML"),
        (["--roster", "{place}/in/ada.zip"], "spreadsheet"),
        (["--executor", "slurm", "--cluster", "nowhere"], "no cluster 'nowhere'"),
        (["-o", "{place}/in/grades"], "lies in {place}/in, among the submissions"),
    ],
)
def test_a_mistake_is_a_sentence(
    handed_in: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    given = [word.format(place=handed_in) for word in words]
    usual = [handed_in / "in", "--roster", handed_in / "roster.csv", "-o", tmp_path / "grades"]
    result = CliRunner().invoke(cli, ["grade", *map(str, usual), *given])
    assert isinstance(result.exception, UsageError)
    assert said.format(place=handed_in) in str(result.exception)
    assert not (tmp_path / "grades").exists()


def test_an_empty_folder_is_told_and_leaves_nothing_behind(handed_in: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    words = [tmp_path / "in", "--roster", handed_in / "roster.csv", "-o", tmp_path / "grades"]
    result = CliRunner().invoke(cli, ["grade", *map(str, words)])
    assert isinstance(result.exception, UsageError)
    assert "there is nothing to grade" in str(result.exception)
    assert not (tmp_path / "grades").exists()
