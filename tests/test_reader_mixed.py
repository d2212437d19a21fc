"""Lines of JSON that several tools appended to one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from reader_corpus import LOGS

from workshop.record.readers import mixed, read_logs

SERVE = "vllm/serve.json"
BENCH = "llama.cpp/bench.jsonl"
BATCHED = "llama-batched-bench/batched-bench.jsonl"
OFFLINE = "sglang/offline.jsonl"
ONE_BATCH = "sglang/one-batch.jsonl"
STREAM = "ollama/stream.jsonl"

FORMATS = {
    SERVE: "vllm-serve",
    BENCH: "llama-bench",
    BATCHED: "llama-batched-bench",
    OFFLINE: "sglang-throughput",
    ONE_BATCH: "sglang-one-batch",
    STREAM: "ollama",
}


def lines_of(name: str) -> list[str]:
    text = (LOGS / name).read_text()
    try:
        return [json.dumps(json.loads(text))]
    except ValueError:
        return text.splitlines()


def formats_in(folder: Path, *lines: str) -> list[str]:
    log = folder / "mixed.jsonl"
    log.write_text("".join(f"{line}\n" for line in lines))
    return [reading.result.format for reading in read_logs([log])]


@pytest.mark.parametrize(
    "names",
    [
        (BENCH, SERVE),
        (SERVE, BENCH),
        (STREAM, SERVE),
        (SERVE, STREAM),
        (BENCH, BATCHED),
        (BATCHED, SERVE),
        (OFFLINE, ONE_BATCH, SERVE, BENCH, STREAM, BATCHED),
    ],
)
def test_each_line_is_read_in_its_order(tmp_path: Path, names: tuple[str, ...]) -> None:
    expected = [(name, len(formats_in(tmp_path, *lines_of(name)))) for name in names]
    found = formats_in(tmp_path, *(line for name in names for line in lines_of(name)))
    assert found == [FORMATS[name] for name, count in expected for _ in range(count)]


def test_tools_may_alternate(tmp_path: Path) -> None:
    first, second = lines_of(BENCH)[0], lines_of(SERVE)[0]
    found = formats_in(tmp_path, first, second, first, second)
    assert found == ["llama-bench", "vllm-serve"] * 2


def test_a_line_of_nobody_changes_nothing(tmp_path: Path) -> None:
    (serve,) = lines_of(SERVE)
    assert formats_in(tmp_path, serve, '{"note": 1}', serve) == ["vllm-serve"] * 2


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_file_of_one_tool_is_not_parted(name: str) -> None:
    records = [json.loads(line) for line in lines_of(name)]
    assert mixed.parts(records, lambda record: name) == []


def test_only_the_first_record_of_a_kind_is_asked_about() -> None:
    asked: list[Any] = []
    records = [{"a": number} for number in range(1000)] + [{"b": 1}]
    assert mixed.parts(records, lambda record: asked.append(record)) == []
    assert asked == [{"a": 0}, {"b": 1}]


def test_kinds_without_end_are_bounded() -> None:
    asked: list[Any] = []
    mixed.parts([{str(number): 1} for number in range(5000)], lambda one: asked.append(one))
    assert len(asked) == mixed.MOST_KINDS


@pytest.mark.parametrize("document", [[], [1, 2], [[{}]], {"a": 1}, None, [{}, [], {"a": 1}]])
def test_no_document_breaks_it(document: Any) -> None:
    assert mixed.parts(document, lambda record: None) == []


def test_a_reader_of_text_gets_the_lines_with_a_needle_alone() -> None:
    lines = mixed.lines([{"speed": 1}, {"other": "é"}])
    assert mixed.with_needles(lines, [b'"speed"']) == ['{"speed": 1}']


def test_no_record_becomes_two_lines_or_an_endless_one() -> None:
    assert mixed.lines([{"a": "b\nc"}]) == ['{"a": "b\\nc"}']
    assert mixed.lines([{"a": "b" * 100_000}]) == []
