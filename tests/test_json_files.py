"""Files that are one JSON document: our record with indents, and what was cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import result
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_corpus import LOGS, broken_documents

from workshop.record.readers import CUT_OFF, ours_document, read_logs
from workshop.record.results import Result, to_json

quick = settings(max_examples=100, deadline=None)
RECORD = result("compile", 240, 250)


def results_of(text: str, folder: Path) -> list[Result]:
    log = folder / "results.json"
    log.write_text(text)
    return [reading.result for reading in read_logs([log])]


def laid_out(*records: Result) -> str:
    documents = [json.loads(to_json(record)) for record in records]
    return json.dumps(documents if len(documents) > 1 else documents[0], indent=2)


# Our record


def test_a_record_with_indents_is_the_record(tmp_path: Path) -> None:
    assert results_of(laid_out(RECORD), tmp_path) == [RECORD]


def test_a_list_of_records_is_each_of_them(tmp_path: Path) -> None:
    other = result("baseline", 100)
    assert results_of(laid_out(RECORD, other), tmp_path) == [RECORD, other]


def test_a_record_of_a_stage_that_is_not_known_is_refused(tmp_path: Path) -> None:
    (found,) = results_of(laid_out(RECORD).replace('"compile"', '"turbo"'), tmp_path)
    assert (found.status, found.tokens_per_second) == ("failed", None)
    assert found.reason
    assert "turbo" in found.reason


@quick
@given(broken_documents("ours"))
def test_no_document_breaks_it(document: object) -> None:
    for found in ours_document.results(document, "x.json"):
        assert found.status in ("ok", "incomplete", "failed")
        assert found.tokens_per_second is None or "tokens_per_second" in json.dumps(document)


# What was cut off


DOCUMENTS = {
    "ours": laid_out(RECORD),
    "optimum": (LOGS / "optimum" / "benchmark_report.json").read_text(),
    "vllm": (LOGS / "vllm" / "serve.json").read_text(),
    "strings": json.dumps(
        {"a": ['x\u00e9"\\\n', 1.5e-7, -2, True, False, None], "b": {}}, indent=1
    ),
}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_a_document_cut_off_anywhere_is_said_to_be(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    whole = DOCUMENTS[name].rstrip()
    end = data.draw(st.integers(1, len(whole) - 1))
    (found,) = results_of(whole[:end], tmp_path_factory.mktemp("cut"))
    assert (found.status, found.reason, found.tokens_per_second) == ("failed", CUT_OFF, None)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\nKilled',
        '{"a": 1\nKilled',
        "{\n  He said nothing",
        "[rank0]: Killed",
        "[1, 2",
        '{"a": [1, 2}',
    ],
)
def test_what_is_no_document_is_not_said_to_be_cut_off(text: str, tmp_path: Path) -> None:
    (found,) = results_of(text, tmp_path)
    assert found.status == "failed"
    assert found.reason != CUT_OFF
