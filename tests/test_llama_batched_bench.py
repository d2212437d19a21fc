"""Reading llama-batched-bench: a run for each row of its table, and for each line of its JSON."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from reader_corpus import (
    LOGS,
    assert_nothing_invented,
    check,
    logs_of,
    mangled,
    read,
    with_decimal_commas,
)

from workshop.record.readers import llama_batched_bench, read_logs

quick = settings(max_examples=150, deadline=None)

HEADER = (
    "|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |"
    "    S t/s |"
)
ROW = (
    "|   128 |    128 |    2 |    512 |    0.198 |  1295.19 |    5.029 |    50.90 |    5.227 |"
    "    97.95 |"
)


@pytest.mark.parametrize("log", logs_of("llama-batched-bench"), ids=lambda log: log.name)
def test_what_is_expected_is_read_and_nothing_else(log: object) -> None:
    check(log, llama_batched_bench)  # type: ignore[arg-type]


def test_the_timings_that_it_prints_at_its_end_are_not_taken_for_the_run() -> None:
    readings = read_logs([LOGS / "llama-batched-bench" / "batched-bench.out"])
    assert {one.result.format for one in readings} == {"llama-batched-bench"}


def test_a_row_without_its_header_is_anybodys() -> None:
    assert read(ROW.encode(), llama_batched_bench) == []


@pytest.mark.parametrize("end", range(9, len(ROW) - 1))
def test_a_row_that_is_cut_off_gives_no_number(end: int) -> None:
    for run in read(f"{HEADER}\n{ROW[:end]}".encode(), llama_batched_bench):
        assert (run.status, run.tokens_per_second, run.ttft_seconds) == ("failed", None, None)
        assert run.reason


def test_ranks_with_labels_have_a_header_each() -> None:
    log = f"0: {HEADER}\n0: {ROW}\n1: {ROW}\n"
    assert len(read(log.encode(), llama_batched_bench)) == 1


@quick
@given(mangled("llama-batched-bench"))
def test_no_text_breaks_it_and_none_gives_a_number_of_its_own(text: str) -> None:
    found = read(text.encode(errors="replace"), llama_batched_bench)
    assert_nothing_invented(found, with_decimal_commas(text))
