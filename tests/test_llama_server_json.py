"""Reading the timings that llama.cpp's server wrote as lines of JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from reader_corpus import assert_nothing_invented, check, logs_of, mangled, read

from workshop.record.readers import llama_server_json
from workshop.record.results import Result

quick = settings(max_examples=150, deadline=None)


def line(**fields: Any) -> str:
    return json.dumps({"function": "print_timings", "id_slot": 0, "id_task": 1} | fields)


PROMPT = line(t_prompt_processing=100.0, n_prompt_tokens_processed=10, n_tokens_second=100.0)
DECODE = line(t_token_generation=500.0, n_decoded=20, t_token=25.0, n_tokens_second=40.0)


def runs(*lines: str) -> list[Result]:
    return read("\n".join(lines).encode(), llama_server_json)


@pytest.mark.parametrize("log", logs_of("llama-server-json"), ids=lambda log: log.name)
def test_what_is_expected_is_read_and_nothing_else(log: object) -> None:
    check(log, llama_server_json)  # type: ignore[arg-type]


def test_decode_is_never_what_the_prompt_took() -> None:
    (run,) = runs(PROMPT, DECODE)
    assert (run.tokens_per_second, run.ttft_seconds, run.tpot_seconds) == (40, 0.1, 0.025)
    assert (run.prompt_tokens, run.new_tokens) == (10, 20)


def test_decode_belongs_to_the_prompt_of_its_own_task() -> None:
    assert runs(DECODE) == []
    (run,) = runs(PROMPT, line(id_task=2, t_token_generation=1.0, n_tokens_second=9999.0))
    assert (run.status, run.tokens_per_second) == ("incomplete", None)


@pytest.mark.parametrize("speed", [None, "fast", -1.0, 0.0, 1e13, float("nan"), float("inf")])
def test_a_speed_that_is_no_number_is_not_known(speed: object) -> None:
    (run,) = runs(PROMPT, line(t_token_generation=500.0, t_token=25.0, n_tokens_second=speed))
    assert (run.status, run.tokens_per_second, run.tpot_seconds) == ("incomplete", None, None)
    assert run.reason


@quick
@given(mangled("llama-server-json"))
def test_no_text_breaks_it_and_none_gives_a_number_of_its_own(text: str) -> None:
    assert_nothing_invented(read(text.encode(errors="replace"), llama_server_json), text)
