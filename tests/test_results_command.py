"""``workshop results``: any log becomes a table, JSON, CSV or Markdown."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from builders import failed, record_line, result
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from workshop.cli.results import csv_cell, markdown, results
from workshop.record.readers import Reading
from workshop.record.readers.entries import KEYS, entry
from workshop.record.results import Definition
from workshop.record.results import Result as Run

LOGS = Path(__file__).parent / "logs"
GPT_FAST = LOGS / "gpt-fast" / "workshop-quantize.out"
OURS = LOGS / "ours" / "finished.out"
NOTHING = LOGS / "gpt-fast" / "nothing.out"
KILLED = LOGS / "gpt-fast" / "killed.out"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(results, [str(one) for one in arguments])


def as_json(*files: object) -> list[dict[str, Any]]:
    return json.loads(run("--json", *files).stdout)


# The table


def test_a_table_says_what_each_log_says() -> None:
    shown = run(GPT_FAST, OURS)
    assert shown.exit_code == 0
    (row,) = [line for line in shown.output.splitlines() if "workshop-quantize.out" in line]
    assert row.split() == [
        *("workshop-quantize.out", "gpt-fast", "quantize", "Example:=", "150", "±", "0.79", "2"),
        *("-", "-", "1030", "7.73", "45.8", "-", "-", "-", "cuda", "quantisation", "int8"),
    ]


def test_numbers_that_count_different_things_are_said_not_to_be_comparable() -> None:
    note = "not comparable: the tokens/s count different things"
    assert note in run(GPT_FAST, OURS).output
    assert note in run("--md", GPT_FAST, OURS).output
    assert note not in run(GPT_FAST, KILLED).output


def test_the_exit_code_is_1_if_a_log_has_no_result() -> None:
    for form in ([], ["--json"], ["--csv"], ["--md"]):
        assert run(*form, GPT_FAST).exit_code == 0
        assert run(*form, GPT_FAST, NOTHING).exit_code == 1
        assert run(*form, NOTHING).exit_code == 1


def test_a_log_without_a_result_says_why() -> None:
    shown = run(NOTHING).output
    assert "no result" in shown
    assert "nothing.out: no result: the run did not finish: the GPU's memory is full" in shown


def test_a_run_that_was_stopped_is_told_from_one_that_ended() -> None:
    shown = run(KILLED)
    assert shown.exit_code == 0
    assert "killed.out: not complete: the run did not finish: the job reached its time" in (
        shown.output
    )


def test_what_is_known_of_no_log_is_no_column() -> None:
    assert "TTFT" not in run(GPT_FAST).output
    assert "TTFT" in run(OURS).output


def test_a_missing_log_is_the_users_mistake(tmp_path: Path) -> None:
    from workshop.util.errors import UsageError

    assert isinstance(run(tmp_path / "none.out").exception, UsageError)


# JSON


def test_json_has_the_same_keys_for_every_run() -> None:
    entries = as_json(GPT_FAST, OURS, NOTHING, LOGS / "gpt-fast" / "two-runs.out")
    assert [tuple(one) for one in entries] == [KEYS] * 5
    first = entries[0]
    assert first["file"] == str(GPT_FAST)
    assert first["samples"] == [149.25, 150.37]
    assert first["definition"] == "new tokens over prefill and decode, per sequence"
    assert first["ttft_seconds"] is None


@pytest.mark.parametrize(
    "strange",
    [
        {"tokens_per_second": float("nan"), "speeds": [float("inf")]},
        {"reason": "half of a character: \ud83d"},
        {"batch_size": 10**30},
        {"reason": "\x1b[31m\0"},
    ],
)
def test_json_is_valid_whatever_a_reader_gave(strange: dict[str, Any]) -> None:
    made = entry(Reading(Path("a\udcff.log"), Run(None, "ok", **strange)))
    assert tuple(json.loads(json.dumps(made, allow_nan=False))) == KEYS
    json.dumps(made, ensure_ascii=False).encode()


# CSV and Markdown


def test_csv_has_a_row_for_each_run() -> None:
    rows = list(csv.DictReader(io.StringIO(run("--csv", GPT_FAST, OURS).output)))
    assert [row["format"] for row in rows] == ["gpt-fast", "workshop"]
    assert float(rows[0]["tokens_per_second"]) == 149.81
    assert rows[0]["samples"] == "149.25 150.37"
    assert rows[0]["ttft_seconds"] == ""


@given(st.text(max_size=20))
def test_no_text_is_a_formula_in_a_spreadsheet(text: str) -> None:
    cell = csv_cell(text)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_numbers_stay_numbers() -> None:
    assert [csv_cell(value) for value in (-1.5, 0, None, [], [1.0, -2.0])] == [
        *(-1.5, 0, "", "", "1.0 -2.0"),
    ]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_text_from_a_log_breaks_no_output(reason: str, device: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "some.log")
        ran = result("compile", 240, device=device, reason=reason, status="incomplete")
        log.write_text(record_line(ran), encoding="utf-8")
        assert as_json(log)[0]["device"] == device
        assert "\x1b" not in run(log).output
        (head, _, row, *_) = run("--md", log).output.splitlines()
        assert row.replace("\\\\", "").replace("\\|", "").count("|") == head.count("|")


def test_markdown_acts_on_nothing_in_a_log() -> None:
    assert markdown("<b>|`*_[a](b)") == "&lt;b&gt;\\|\\`\\*\\_\\[a\\](b)"


# What is no result


def test_a_failed_run_of_ours_is_no_result(tmp_path: Path) -> None:
    log = tmp_path / "job.out"
    log.write_text(record_line(failed("compile")))
    shown = run(log)
    assert shown.exit_code == 1
    assert "no C++ compiler was found" in shown.output


def test_a_definition_that_is_not_known_is_not_comparable_either(tmp_path: Path) -> None:
    for name, definition in (("a", None), ("b", Definition("new", "decode", "sequence"))):
        (tmp_path / name).write_text(record_line(result("compile", 240, definition=definition)))
    assert "not comparable" in run(tmp_path / "a", tmp_path / "b").output
