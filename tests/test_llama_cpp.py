"""Reading llama.cpp: timings of its programs and its server, and llama-bench in every output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from reader_corpus import (
    LOGS,
    assert_nothing_invented,
    broken_documents,
    check,
    logs_of,
    mangled,
    read,
    with_decimal_commas,
)

from workshop.record.readers import llama_bench, llama_bench_rows, llama_cpp
from workshop.record.readers.units import RUNS

quick = settings(max_examples=150, deadline=None)

PRINTERS = [
    "llama_print_timings: ",
    "llama_perf_context_print: ",
    "common_perf_print: ",
    "0.05.301.013 I common_perf_print: ",
    "3: llama_perf_context_print: ",
    "slot print_timing: id  0 | task 0 | ",
    "print_timings: ",
]


def prompt(printer: str = PRINTERS[0]) -> str:
    return f"{printer}prompt eval time =   100.00 ms /    10 tokens (   10.00 ms per token,   100.00 tokens per second)"  # noqa: E501


def decode(printer: str = PRINTERS[0], speed: str = "40.00") -> str:
    return f"{printer}       eval time =   500.00 ms /    20 runs   (   25.00 ms per token,    {speed} tokens per second)"  # noqa: E501


def timings(*lines: str) -> list[Any]:
    return read("\n".join(lines).encode(), llama_cpp)


def row(test: str = "tg128", speed: str = "132.19 ± 0.55", size: str = "3.56 GiB") -> str:
    return f"| llama 7B Q4_0 | {size} | 6.74 B | CUDA | 99 | {test} | {speed} |"


def table(*rows: str) -> list[Any]:
    header = "| model | size | params | backend | ngl | test | t/s |"
    return read("\n".join([header, "| --- | --- |", *rows]).encode(), llama_bench)


@pytest.mark.parametrize("log", logs_of("llama.cpp"), ids=lambda log: log.name)
def test_what_is_expected_is_read_and_nothing_else(log: Path) -> None:
    check(log, llama_cpp, llama_bench, llama_bench_rows)


# Timings


@pytest.mark.parametrize("printer", PRINTERS)
def test_decode_is_never_what_the_prompt_took(printer: str) -> None:
    (run,) = timings(prompt(printer), decode(printer))
    assert run.tokens_per_second == 40
    assert run.tpot_seconds == 0.025
    assert run.prompt_tokens == 10


@pytest.mark.parametrize("printer", PRINTERS)
def test_a_prompt_alone_is_an_incomplete_run(printer: str) -> None:
    (run,) = timings(prompt(printer))
    assert (run.status, run.tokens_per_second) == ("incomplete", None)


def test_decode_without_a_prompt_before_it_is_anybodys() -> None:
    assert timings(decode(), decode(), "load time =  3 ms") == []


def test_lines_without_a_printer_count_only_under_a_server_slot() -> None:
    bare = [prompt(""), decode("")]
    assert timings(*bare) == []
    (run,) = timings("slot print_timing: id  0 | task 0 | ", *bare)
    assert (run.ttft_seconds, run.new_tokens) == (0.1, 20)


def test_after_a_slot_has_told_the_next_bare_lines_are_anybodys_again() -> None:
    bare = [prompt(""), decode("")]
    assert len(timings("slot print_timing: id  0 | task 0 | ", *bare, *bare)) == 1


@pytest.mark.parametrize("speed", ["inf", "nan", "-nan", "0.00", "-3.00", "1e13"])
def test_a_speed_that_is_no_number_is_not_known(speed: str) -> None:
    (run,) = timings(prompt(), decode(speed=speed))
    assert (run.status, run.tokens_per_second, run.tpot_seconds) == ("incomplete", None, None)


def test_two_processes_at_once_keep_their_speeds_and_lose_their_prompts() -> None:
    first, second = timings(prompt(), prompt(), decode(speed="40.00"), decode(speed="50.00"))
    assert (first.tokens_per_second, second.tokens_per_second) == (40, 50)
    assert (first.prompt_tokens, second.prompt_tokens) == (None, None)


def test_ranks_with_labels_are_told_apart() -> None:
    lines = [prompt("0: main_print_timings: "), prompt("1: main_print_timings: ")]
    lines += [decode("0: main_print_timings: "), decode("1: main_print_timings: ")]
    assert [run.prompt_tokens for run in timings(*lines)] == [10, 10]


def test_with_two_models_loaded_it_is_not_known_which_one_is_meant() -> None:
    names = [f"print_info: general.name     = {name}" for name in ("Big", "Draft")]
    assert timings(names[0], prompt(), decode())[0].model == "Big"
    assert timings(*names, prompt(), decode())[0].model is None


# llama-bench


@pytest.mark.parametrize(
    ("test", "definition"),
    [
        ("tg128", "new tokens over decode, per sequence"),
        ("tg 128", "new tokens over decode, per sequence"),
        ("pp512", "prompt tokens over prefill, per sequence"),
        ("pp 512", "prompt tokens over prefill, per sequence"),
        ("pp512+tg128", "prompt and new tokens over prefill and decode, per sequence"),
    ],
)
def test_the_test_says_what_is_counted(test: str, definition: str) -> None:
    (run,) = table(row(test))
    assert str(run.definition) == definition


def test_a_row_is_read_without_its_header_too() -> None:
    assert read(row().encode(), llama_bench) == table(row())


@pytest.mark.parametrize("end", range(30, len(row()) - 1))
def test_a_row_that_is_cut_off_gives_no_number(end: int) -> None:
    for run in table(row()[:end]):
        assert (run.status, run.tokens_per_second) == ("failed", None)
        assert run.reason


def test_sizes_are_in_bytes() -> None:
    (run,) = table(row(size="512.00 MiB"))
    assert run.model_bytes == 512 * 2**20


def test_of_very_many_rows_the_last_one_kept_says_that_there_are_more() -> None:
    runs = table(*[row()] * (RUNS + 1))
    assert len(runs) == RUNS
    assert runs[-1].warnings


def test_a_single_repetition_has_no_deviation() -> None:
    record = {
        "model_filename": "m.gguf",
        "n_prompt": 0,
        "n_gen": 8,
        "avg_ts": 5.0,
        "stddev_ts": 0.0,
    }
    (run,) = llama_bench_rows.results([{**record, "samples_ts": [5.0]}], "x.json")
    assert (run.tokens_per_second, run.tokens_per_second_std) == (5, None)


@pytest.mark.parametrize("table", ["test", "llama_bench"])
def test_a_statement_of_sql_is_read_whatever_its_table_is_called(table: str) -> None:
    log = (LOGS / "llama.cpp" / "bench.sql").read_text().replace("llama_bench", table)
    assert len(read(log.encode(), llama_bench)) == 2


def test_a_statement_that_is_cut_off_gives_no_number() -> None:
    log = (LOGS / "llama.cpp" / "bench.sql").read_text().rstrip()
    start = log.rindex("INSERT")
    for end in range(start, len(log), 7):
        for run in read(log[start:end].encode(), llama_bench):
            assert (run.status, run.tokens_per_second) == ("failed", None)


def test_values_of_sql_that_cannot_be_told_apart_are_not_taken() -> None:
    log = (LOGS / "llama.cpp" / "bench.sql").read_text().replace("qwen2 7B", "it's', 'two")
    assert [run.tokens_per_second for run in read(log.encode(), llama_bench)] == [None, None]


# Whatever there is


@quick
@given(mangled("llama.cpp"))
def test_no_text_breaks_it_and_none_gives_a_number_of_its_own(text: str) -> None:
    found = read(text.encode(errors="replace"), llama_cpp, llama_bench)
    # The oldest programs print no speed: it follows from two numbers then.
    assert_nothing_invented([] if "per run)" in text else found, with_decimal_commas(text))


@quick
@given(broken_documents("llama.cpp"))
def test_no_document_breaks_it(document: Any) -> None:
    assert_nothing_invented(llama_bench_rows.results(document, "x.json"), json.dumps(document))
