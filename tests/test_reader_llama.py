"""What llama.cpp's programs say besides their timings, and the settings of llama-bench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_corpus import LOGS, broken_documents, check, logs_of, mangled, read

from workshop.record.readers import (
    llama2_c,
    llama_batched_bench,
    llama_bench,
    llama_bench_rows,
    llama_cpp,
    llama_server_response,
    llama_server_stream,
)
from workshop.record.results import Result

quick = settings(max_examples=150, deadline=None)


def timings(*lines: str) -> list[Result]:
    return read("\n".join(lines).encode(), llama_cpp)


def block(
    speed: str = "7.82", tokens: int = 214, printer: str = "llama_print_timings: "
) -> list[str]:
    return [
        f"{printer}       load time = 100.00 ms",
        f"{printer}prompt eval time = 363.60 ms / 8 tokens ( 45.45 ms per token, 22.00 tokens per second)",  # noqa: E501
        f"{printer}       eval time = 27360.44 ms / {tokens} runs ( 127.85 ms per token, {speed} tokens per second)",  # noqa: E501
    ]


@pytest.mark.parametrize("log", logs_of("llama-examples"), ids=lambda log: log.name)
def test_what_is_expected_is_read_and_nothing_else(log: Path) -> None:
    check(log, llama_cpp, llama_bench)


# Several tokens a pass

SPECULATIVE = [
    "encoded    8 tokens in    0.100 seconds, speed:   80.000 t/s",
    "decoded  129 tokens in  248.340 seconds, speed:    0.519 t/s",
    "n_draft   = 8",
    "n_predict = 129",
    "n_drafted = 132",
    "n_accept  = 47",
    "accept    = 35.606%",
]


def test_a_draft_and_its_target_are_one_run() -> None:
    (run,) = timings(*SPECULATIVE, "draft:", *block(), "target:", *block("0.46"))
    assert (run.tokens_per_second, run.new_tokens, run.prompt_tokens) == (0.519, 129, 8)
    assert run.acceptance_rate == 47 / 132
    assert run.conditions == {"draft tokens": 8}


def test_a_run_after_it_is_another_one() -> None:
    log = [*SPECULATIVE, "draft:", *block(), "target:", *block("0.46"), *block("50.00")]
    assert [run.tokens_per_second for run in timings(*log)] == [0.519, 50.0]


def test_two_such_runs_are_two() -> None:
    again = [line.replace("0.519", "0.600") for line in SPECULATIVE]
    assert [run.tokens_per_second for run in timings(*SPECULATIVE, *again)] == [0.519, 0.6]


def test_each_of_two_runs_has_its_own_prompt() -> None:
    again = [line.replace("   8 tokens", "   9 tokens") for line in SPECULATIVE]
    assert [run.prompt_tokens for run in timings(*SPECULATIVE, *again)] == [8, 9]


@pytest.mark.parametrize("digits", ["9" * 12, "9" * 5000])
def test_numbers_of_any_length_break_nothing(digits: str) -> None:
    log = [line.replace("129", digits).replace("132", digits) for line in SPECULATIVE]
    timings(*log, *(line.replace("214", digits) for line in block()), *TASK)
    timings(*TASK, f"draft acceptance = 0.5 ({digits} accepted / {digits} generated)")


def test_lookup_has_a_target_alone() -> None:
    (run, other) = timings(*SPECULATIVE, "target:", *block("0.46"), *block("50.00"))
    assert (run.tokens_per_second, other.tokens_per_second) == (0.519, 50.0)


def test_without_its_own_line_the_speed_is_not_known() -> None:
    (run,) = timings("n_drafted = 132", "n_accept = 47", "draft:", *block(), "target:", *block())
    assert (run.status, run.tokens_per_second) == ("incomplete", None)
    assert run.reason


def test_a_logger_may_stand_before_its_lines() -> None:
    (run,) = timings(*(f"0.05.301.013 I {line}" for line in [*SPECULATIVE, "target:"]))
    assert (run.tokens_per_second, run.acceptance_rate) == (0.519, 47 / 132)


@pytest.mark.parametrize(("drafted", "accepted"), [(0, 0), (10, 11)])
def test_an_impossible_acceptance_is_not_known(drafted: int, accepted: int) -> None:
    (run,) = timings(SPECULATIVE[1], f"n_drafted = {drafted}", f"n_accept = {accepted}")
    assert run.acceptance_rate is None


def test_a_batch_of_several_sequences_is_counted_as_a_whole() -> None:
    header = "main: n_predict = 32, n_ctx = 124, n_batch = 32, n_parallel = 4, n_kv_req = 124"
    spoken = "main: decoded 108 tokens in 2.16 s, speed: 50.00 t/s"
    (run,) = timings(header, spoken, *block("99.00", printer="llama_perf_context_print: "))
    assert (run.tokens_per_second, run.batch_size) == (50.0, 4)
    assert str(run.definition) == "new tokens over decode, per batch"


def test_of_a_single_sequence_the_timings_count() -> None:
    spoken = "main: decoded 31 tokens in 2.16 s, speed: 14.35 t/s"
    (run,) = timings(spoken, *block("40.00", printer="llama_perf_context_print: "))
    assert run.tokens_per_second == 40.0


def test_requests_side_by_side_are_counted_over_the_whole_time() -> None:
    header = "main: n_parallel = 8, n_sequences = 64, cont_batching = 1, system tokens = 259"
    spoken = [
        "Total prompt tokens:   4000, speed: 80.00 t/s",
        "Total gen tokens:    3000, speed: 60.00 t/s",
    ]
    (run,) = timings(header, *spoken, *block(printer="llama_perf_context_print: "))
    assert (run.tokens_per_second, run.concurrency) == (60.0, 8)
    assert str(run.definition) == "new tokens over wall clock, per server"
    assert run.conditions == {
        "requests": 64,
        "continuous batching": True,
        "system prompt, tokens": 259,
    }


# A server

SLOT = "slot print_timing: id  1 | task 7 | "
TASK = [
    f"{SLOT}prompt eval time = 300.11 ms / 20 tokens ( 15.01 ms per token, 66.64 tokens per second)",  # noqa: E501
    f"{SLOT}       eval time = 2296.72 ms / 256 tokens ( 8.97 ms per token, 111.46 tokens per second)",  # noqa: E501
]


@pytest.mark.parametrize(
    ("line", "rate", "mean"),
    [
        (f"{SLOT}draft acceptance = 0.64479 (  167 accepted /   259 generated), mean acceptance length =  2.92, acceptance rate per position = (0.8, 0.6)", 0.64479, 167 / 87),  # noqa: E501
        (f"{SLOT}draft acceptance = 0.64479 (  167 accepted /   259 generated), mean len =  2.92", 0.64479, 167 / 87),  # noqa: E501
        (f"{SLOT}draft acceptance rate = 0.64479 (  167 accepted /   259 generated)", 0.64479, None),  # noqa: E501
        ("draft acceptance rate = 0.64479 (  167 accepted /   259 generated)", 0.64479, None),
        (f"{SLOT}draft acceptance = 0.66667 (20000 accepted / 30000 generated), mean len = 3.00", 0.66667, None),  # noqa: E501
        (f"{SLOT}draft acceptance = nan (    0 accepted /     0 generated)", None, None),
        (f"{SLOT.replace('task 7', 'task 8')}draft acceptance = 0.5 ( 1 accepted / 2 generated)", None, None),  # noqa: E501
    ],
)  # fmt: skip
def test_acceptance_is_that_of_its_task(line: str, rate: float | None, mean: float | None) -> None:
    (run,) = timings(*TASK, line)
    assert (run.tokens_per_second, run.acceptance_rate, run.mean_accepted) == (111.46, rate, mean)


@pytest.mark.parametrize("name", ["task.n_tokens", "n_prompt_tokens"])
def test_a_cached_prompt_is_said(name: str) -> None:
    whole = f"slot update_slots: id  1 | task 7 | new prompt, n_ctx_slot = 4096, n_keep = 0, {name} = 27"  # noqa: E501
    (run,) = timings(whole, *TASK)
    assert (run.prompt_tokens, run.conditions) == (27, {"cached prompt tokens": 7})
    assert "7 of the prompt's 27 tokens were cached" in run.warnings[0]


def test_llama_clis_line_is_not_a_second_run_of_its_servers_timings() -> None:
    line = "[ Prompt: 66.6 t/s | Generation: 111.5 t/s ]"
    assert len(timings(*TASK, line)) == 1
    assert len(timings(*TASK, line.replace("111.5", "80.0"))) == 2


# A response that was saved


@pytest.mark.parametrize("log", logs_of("llama-server-response"), ids=lambda log: log.name)
def test_a_response_says_what_stands_beside_it(log: Path) -> None:
    check(log, llama_server_response)


def response(**more: Any) -> dict[str, Any]:
    document = json.loads((LOGS / "llama-server-response" / "completion.json").read_text())
    document["timings"] |= more
    return document


def answer(document: Any) -> Result:
    (found,) = llama_server_response.results(document, "x.json")
    return found


@pytest.mark.parametrize("cached", [{"cache_n": 6}, {}])
def test_the_whole_prompt_counts_and_what_was_cached_is_said(cached: dict[str, int]) -> None:
    document = response(prompt_n=1)
    del document["timings"]["cache_n"]
    document["timings"] |= cached
    found = answer(document)
    assert (found.prompt_tokens, found.conditions["cached prompt tokens"]) == (7, 6)
    assert found.warnings


def test_usage_tells_the_prompt_too() -> None:
    whole = response(prompt_n=5)
    del whole["timings"]["cache_n"]
    document = {"usage": {"prompt_tokens": 9}, "timings": whole["timings"], "model": "m"}
    assert answer(document).prompt_tokens == 9


def test_several_responses_in_a_file_are_several_runs() -> None:
    assert len(llama_server_response.results([response()] * 3, "x.jsonl")) == 3


def test_a_response_without_a_second_token_has_no_speed() -> None:
    assert answer(response(predicted_per_second=0.0)).status == "incomplete"


def test_of_a_stream_the_last_timings_of_a_request_count() -> None:
    chunks = []
    for request in (1.0, 2.0):
        for tokens in (1, 2, 3):
            part = response(
                prompt_ms=request, predicted_n=tokens, predicted_per_second=tokens + request
            )
            chunks.append("data: " + json.dumps({"id": request, "timings": part["timings"]}))
    found = read("\n\n".join(chunks).encode(), llama_server_stream)
    assert [run.tokens_per_second for run in found] == [4.0, 5.0]


@quick
@given(broken_documents("llama-server-response"))
def test_no_document_breaks_it(document: Any) -> None:
    for found in llama_server_response.results(document, "x.json"):
        assert found.status == "ok" or found.reason
        assert found.tokens_per_second is None or 0 < found.tokens_per_second < 1e12


# llama-bench


def table(header: str, *rows: str) -> list[Result]:
    return read("\n".join([header, *rows]).encode(), llama_bench)


HEADER = "| model | size | params | backend | ngl | {} | test | t/s |"
ROW = "| llama 8B Q4_K | 4.58 GiB | 8.03 B | CUDA | 99 | {} | tg128 | 100.00 ± 0.31 |"


@pytest.mark.parametrize(
    ("column", "cell", "conditions"),
    [
        ("fa", "1", {"flash attention": "on"}),
        ("fa", "-1", {"flash attention": "auto"}),
        ("n_batch", "512", {"batch": 512}),
        ("n_ubatch", "512", {"micro-batch": 512}),
        ("type_k", "q8_0", {"KV cache K type": "q8_0"}),
        ("type_v", "q8_0", {"KV cache V type": "q8_0"}),
        ("mmap", "0", {"mmap": False}),
        ("sm", "row", {"split mode": "row"}),
        ("ts", "3.00/1.00", {"tensor split": "3.00/1.00"}),
        ("dev", "CUDA0/CUDA1", {"devices": "CUDA0/CUDA1"}),
        ("poll", "50", {"poll": 50}),
        ("nkvo", "1", {"no KV cache offload": True}),
        ("fmoe", "1", {"fused moe": True}),
        ("a new one", "x", {"a new one": "x"}),
    ],
)
def test_a_column_that_is_no_measurement_is_a_condition(
    column: str, cell: str, conditions: dict[str, Any]
) -> None:
    (run,) = table(HEADER.format(column), ROW.format(cell))
    assert run.conditions == {"GPU layers": 99, "depth": 0, **conditions}


def test_threads_have_a_field() -> None:
    (run,) = table(HEADER.format("threads"), ROW.format("16"))
    assert (run.threads, run.conditions) == (16, {"GPU layers": 99, "depth": 0})


@pytest.mark.parametrize("indent", ["  ", "\t", "        "])
def test_a_table_may_be_indented(indent: str) -> None:
    (run,) = table(indent + HEADER.format("fa"), indent + ROW.format("0"))
    assert (run.tokens_per_second, run.conditions["flash attention"]) == (100.0, "off")


def test_the_first_versions_table_has_no_size() -> None:
    header = "| model                | backend    | n_gpu_layers | test       |             t/s |"
    row = "| llama 7B mostly Q4_0 | CUDA       |         35 | pp 512     |  2265.21 ± 0.00 |"
    (run,) = table(header, row)
    assert (run.tokens_per_second, run.prompt_tokens, run.device) == (2265.21, 512, "CUDA")
    assert run.conditions == {"GPU layers": 35, "depth": 0}


def test_a_table_of_another_kind_with_the_same_columns_is_none() -> None:
    assert table("| model | place | t/s |", "| bus 12 | town | 3 |") == []


def test_a_row_with_other_columns_than_the_header_keeps_its_settings_without_names() -> None:
    (run,) = table(HEADER.format("fa"), ROW.format("1 | 2048"))
    assert run.conditions == {
        "GPU layers": 99,
        "settings without names": "1, 2048",
        "depth": 0,
    }


def test_decode_after_a_prompt_counts_the_new_tokens_alone() -> None:
    record = {
        "model_filename": "m.gguf", "n_prompt": 512, "n_gen": 128, "avg_ts": 21.5, "stddev_ts": 0.4,
        "test": "tg128@pp512", "cuda": True, "vulkan": False, "gpu_info": "a chip", "ser": "-1,0",
        "mla_attn": 3,
    }  # fmt: skip
    (run,) = llama_bench_rows.results([record], "x.json")
    assert str(run.definition) == "new tokens over decode, per sequence"
    assert run.conditions == {
        "backend": "CUDA",
        "ser": "-1,0",
        "multi-head latent attention": 3,
        "depth": 512,
    }


def test_each_output_tells_the_same_conditions() -> None:
    logs = ["bench.csv", "bench.json", "bench.jsonl", "bench.sql"]
    logs += ["bench-json-in-a-job.out", "bench-csv-in-a-job.out"]
    readers = (llama_bench, llama_bench_rows)
    found = [read((LOGS / "llama.cpp" / log).read_bytes(), *readers)[0] for log in logs]
    settings = [run.conditions for run in found if run.conditions["backend"] == "CUDA"]
    assert len(settings) == len(logs)
    assert all(one == settings[0] for one in settings)
    assert settings[0]["flash attention"] == "off"


# Decimal commas


def test_decimal_commas_are_read_where_the_whole_log_has_them() -> None:
    log = [line.replace(".", ",") for line in block("7,82")]
    (run,) = timings(*log)
    assert (run.tokens_per_second, run.tpot_seconds) == (7.82, 0.12785)
    (bench,) = table(HEADER.format("fa"), ROW.format("1").replace(".", ","))
    assert (bench.tokens_per_second, bench.model_parameters) == (100.0, 8_030_000_000)
    row = "|   128 |    128 |    2 |    512 |    0,198 |  1295,19 |    5,029 |    50,90 |    5,227 |    97,95 |"  # noqa: E501
    header = "|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |"  # noqa: E501
    (batched,) = read(f"{header}\n{row}".encode(), llama_batched_bench)
    assert batched.tokens_per_second == 50.9


def test_a_single_comma_among_points_is_no_decimal_one() -> None:
    log = block()
    log[-1] = log[-1].replace("7.82", "7,82")
    (run,) = timings(*log)
    assert (run.status, run.tokens_per_second) == ("incomplete", None)


# llama2.c


@pytest.mark.parametrize(
    ("line", "speed"),
    [
        ("achieved tok/s: 53.827751", 53.827751),
        ("the text's last wordachieved tok/s: 53.827751", 53.827751),
        ("achieved tok/s: 53,827751", 53.827751),
        ("achieved tok/s: inf", None),
        ("achieved tok/s: -1.0", None),
    ],
)
def test_llama2_c_counts_the_prompt_too(line: str, speed: float | None) -> None:
    (run,) = read(line.encode(), llama2_c)
    assert (run.tokens_per_second, run.format) == (speed, "llama2.c")
    assert str(run.definition) == "prompt and new tokens over prefill and decode, per sequence"


# Whatever there is


@quick
@given(mangled("llama-examples"), st.sampled_from(["", "node01 ollama[937]: "]))
def test_no_text_breaks_it(text: str, prefix: str) -> None:
    log = "\n".join(prefix + line for line in text.split("\n")).encode(errors="replace")
    for found in read(log, llama_cpp, llama_bench, llama_server_stream, llama2_c):
        assert found.status == "ok" or found.reason
        assert found.tokens_per_second is None or 0 < found.tokens_per_second <= 1e12
        assert found.acceptance_rate is None or 0 <= found.acceptance_rate <= 1
