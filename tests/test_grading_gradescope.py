"""results.json: what Gradescope documents, and nothing that a participant must not see."""

from __future__ import annotations

import json
from typing import Any

from grading_class import HOSTILE, check, exercise, graded, left_out, person
from msgspec.structs import replace

from workshop.grading.pages.gradescope import results_json
from workshop.grading.records import Finding, Graded

# https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format
TOP = {
    *("score", "execution_time", "output", "output_format", "test_output_format"),
    *("test_name_format", "visibility", "stdout_visibility", "extra_data", "tests", "leaderboard"),
}
TEST = {
    *("score", "max_score", "status", "name", "name_format", "number", "output"),
    *("output_format", "tags", "visibility", "extra_data"),
}


def written(one: Graded) -> dict[str, Any]:
    return json.loads(results_json(one))


def attempt() -> Graded:
    wrong = check("one scale a row", 0, message="row 3 is off", expected="4", actual="8")
    hidden = replace(
        check("odd sizes", 0, kind="hidden"), message="f(41) is off", expected="secret-4"
    )
    hidden = replace(hidden, hint="try 3 rows")
    return graded(
        person(1),
        exercise("quantize", check(), wrong, hidden, max_points=12, points=4, penalty=1),
        left_out("compile", 2),
    )


def test_only_what_gradescope_knows_is_in_it() -> None:
    results = written(attempt())
    assert set(results) <= TOP
    assert all(set(test) <= TEST for test in results["tests"])
    assert {test["visibility"] for test in results["tests"]} == {"visible", "after_published"}
    assert {test["status"] for test in results["tests"]} == {"passed", "failed"}
    assert all(isinstance(test["score"], float | int) for test in results["tests"])


def test_the_score_is_the_one_that_counts() -> None:
    results = written(attempt())
    assert results["score"] == 3
    assert "quantize: 3 of 12, after 1 for lateness" in results["output"]
    assert "compile: 0 of 2, nothing handed in" in results["output"]


def test_tests_add_up_to_what_the_exercise_counts() -> None:
    tests = written(attempt())["tests"]
    quantize = [test for test in tests if test["tags"][0] == "quantize"]
    assert sum(test["max_score"] for test in quantize) == 12
    assert [test["number"] for test in tests] == ["1.1", "1.2", "1.3", "2.1"]


def test_what_was_expected_stands_there_but_of_hidden_checks() -> None:
    _, wrong, hidden, _ = written(attempt())["tests"]
    assert wrong["output"] == "row 3 is off\nExpected: 4\nGot: 8"
    assert hidden["output"] == "Hint: try 3 rows"
    assert hidden["visibility"] == "after_published"


def test_findings_are_the_teachers() -> None:
    found = Finding("contradiction", "job.out", "twice the bandwidth", {"device": "cpu"})
    assert b"bandwidth" not in results_json(replace(attempt(), evidence=[found], remarks=[found]))


def test_hostile_text_stays_short_and_plain() -> None:
    wrong = check(HOSTILE, 0, message=HOSTILE * 10_000, actual="\ud800" + HOSTILE)
    content = results_json(graded(person(1), exercise("a", wrong)))
    assert len(content) < 20_000
    text = content.decode()
    assert "\\u001b" not in text
    assert "\u202e" not in text
