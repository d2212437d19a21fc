"""Reading `vllm bench`: blocks and lines of several versions, result files, and imitations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_corpus import assert_nothing_invented, broken_documents, check, logs_of, mangled, read

from workshop.record.readers import vllm, vllm_json
from workshop.record.readers.units import RUNS

quick = settings(max_examples=150, deadline=None)

RULE = "=" * 50
OPEN = "============ Serving Benchmark Result ============"


def block(speed: object = "100.00", ttft: object = "250.00") -> list[str]:
    return [
        OPEN,
        "Successful requests:                     8         ",
        f"Output token throughput (tok/s):         {speed}",
        f"Mean TTFT (ms):                          {ttft}",
        "Mean TPOT (ms):                          10.00     ",
        RULE,
    ]


def serving(*lines: str) -> list[Any]:
    return read("\n".join(lines).encode(), vllm)


@pytest.mark.parametrize("log", logs_of("vllm"), ids=lambda log: log.name)
def test_what_is_expected_is_read_and_nothing_else(log: Path) -> None:
    check(log, vllm, vllm_json)


# A serving block


def test_milliseconds_become_seconds() -> None:
    (run,) = serving(*block(ttft="250.00"))
    assert run.ttft_seconds == 0.25
    assert run.tpot_seconds == 0.01


def test_every_block_that_was_closed_is_a_run() -> None:
    assert [run.tokens_per_second for run in serving(*block(1), *block(2), *block(3))] == [1, 2, 3]


@pytest.mark.parametrize("end", range(1, len(block())))
def test_a_block_that_was_cut_off_is_incomplete_and_says_so(end: int) -> None:
    (run,) = serving(*block()[:end])
    assert run.status == "incomplete"
    assert run.reason == "the block of results is cut off"


@given(st.integers(1, 400))
def test_a_number_that_was_cut_in_the_middle_is_not_taken(length: int) -> None:
    whole = "\n".join(block(speed="620.31", ttft="412.53"))
    for run in serving(whole[:length]):
        assert run.tokens_per_second in (None, 620.31)
        assert run.ttft_seconds in (None, pytest.approx(0.41253))


def test_a_block_that_another_one_interrupts_is_incomplete() -> None:
    first, second = serving(*block(1)[:4], *block(2))
    assert (first.status, first.tokens_per_second) == ("incomplete", 1)
    assert (second.status, second.tokens_per_second) == ("ok", 2)


@pytest.mark.parametrize("speed", ["nan", "inf", "-5.00", "0.00", "1e13", "1,000.00", "fast", "٣"])
def test_what_is_no_number_is_not_known(speed: str) -> None:
    (run,) = serving(*block(speed=speed))
    assert run.tokens_per_second is None
    assert run.status == "incomplete"


def test_model_text_around_a_block_changes_nothing() -> None:
    imitation = [
        "Mean TTFT (ms): 1.00",
        "I saw Mean TTFT (ms): 2.00",
        RULE,
        "Successful requests: 9",
    ]
    assert serving(*imitation, *block(), *imitation) == serving(*block())


def test_the_first_of_two_lines_in_a_block_counts() -> None:
    lines = block(speed="100.00")
    (run,) = serving(*lines[:3], "Output token throughput (tok/s):         999.00", *lines[3:])
    assert run.tokens_per_second == 100


def test_a_model_is_that_of_the_arguments_right_before() -> None:
    arguments = "Namespace(num_prompts=8, model='a/b', tokenizer=None)"
    first, second = serving(arguments, *block(), *block())
    assert (first.model, second.model) == ("a/b", None)


# Latency


def test_a_latency_needs_the_number_of_tokens_for_a_speed() -> None:
    lines = ["Avg latency: 2.0 seconds", "50% percentile latency: 2.0 seconds"]
    (alone,) = serving(*lines)
    assert (alone.status, alone.tokens_per_second) == ("ok", None)
    arguments = "Namespace(input_len=32, output_len=10, batch_size=4, n=2, num_iters=30, model='m')"
    (run,) = serving(arguments, *lines)
    assert run.tokens_per_second == 40  # 4 sequences twice, 10 tokens each, in 2 seconds
    assert str(run.definition) == "new tokens over prefill and decode, per batch"


def test_the_arguments_of_another_program_are_not_taken() -> None:
    arguments = "Namespace(input_len=32, output_len=10, batch_size=4, n=2, model='m')"
    (run,) = serving(arguments, "Avg latency: 2.0 seconds", "50% percentile latency: 2.0 seconds")
    assert (run.tokens_per_second, run.model) == (None, None)


def test_beams_are_not_counted_as_sequences() -> None:
    (run,) = serving(
        "Namespace(output_len=10, batch_size=4, n=2, use_beam_search=True, num_iters=30)",
        "Avg latency: 2.0 seconds",
    )
    assert run.tokens_per_second is None


def test_an_average_latency_alone_is_anybodys() -> None:
    assert serving("Avg latency: 2.0 seconds") == []


# Whatever there is


def test_of_very_many_runs_the_last_one_kept_says_that_there_are_more() -> None:
    runs = serving(*block() * (RUNS + 5))
    assert len(runs) == RUNS
    assert [bool(run.warnings) for run in runs] == [False] * (RUNS - 1) + [True]


def test_a_hostile_number_of_ranks_and_open_blocks_is_bounded() -> None:
    assert len(serving(*(f"{rank}: {OPEN}" for rank in range(50_000)))) == 1000


@quick
@given(mangled("vllm"))
def test_no_text_breaks_it_and_none_gives_a_number_of_its_own(text: str) -> None:
    found = read(text.encode(errors="replace"), vllm)
    # Tokens/s of a latency follow from several numbers of the text.
    assert_nothing_invented((run for run in found if run.format != "vllm-latency"), text)


@quick
@given(broken_documents("vllm"))
def test_no_document_breaks_it(document: Any) -> None:
    assert_nothing_invented(vllm_json.results(document, "x.json"), json.dumps(document))
