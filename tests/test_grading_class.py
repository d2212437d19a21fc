"""A small class, graded end to end: everybody gets what is theirs, also after a kill -9."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import grade
import grade_class

KINDS = (
    "good", "partial", "wrong", "hostile", "late", "broken", "copied logs", "edited log",
    "corrupt", "missing", "unknown",
)  # fmt: skip
EXERCISES = ("napkin", "quantize")


@pytest.fixture(scope="module")
def class_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("grading") / "class"
    grade_class.make(place, KINDS, 1, EXERCISES)
    return place


def test_a_class_gets_what_is_theirs_and_the_same_after_a_kill(
    class_: Path, tmp_path: Path
) -> None:
    whole = grade.grade(class_, tmp_path / "whole", 1, 1)
    assert list(grade.surprises(class_, whole)) == []
    with (tmp_path / "whole" / "gradebook.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = grade.read_expected(class_)
    ids = {name for name, one in expected.items() if one.known}
    assert ids <= {cell for row in rows for cell in row.values()}
    parts = grade.count(tmp_path / "whole" / "work" / "kept")
    resumed = grade.grade_killed_halfway(class_, tmp_path / "killed", 1, 1, parts)
    assert 0 < resumed.said["ran"] < whole.said["ran"]
    assert resumed.points() == whole.points()
    assert grade.different(tmp_path / "whole", tmp_path / "killed") == []


def test_the_same_seed_makes_the_same_class(class_: Path, tmp_path: Path) -> None:
    grade_class.make(tmp_path / "again", KINDS, 1, EXERCISES)
    for path in class_.rglob("*"):
        if path.is_file():
            other = tmp_path / "again" / path.relative_to(class_)
            assert other.read_bytes() == path.read_bytes(), path
