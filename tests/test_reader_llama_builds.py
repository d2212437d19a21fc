"""Builds, CPUs and cut-off excerpts of llama.cpp's programs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from reader_corpus import LOGS, read

from workshop.record.readers import llama_bench, llama_bench_rows, llama_cpp
from workshop.record.results import Result

HEADER = "| model | size | params | backend | ngl | test | t/s |"
ROW = "| llama 8B Q4_K | 4.58 GiB | 8.03 B | CUDA | 99 | tg128 | 100.00 ± 0.31 |"


def table(*lines: str) -> list[object]:
    runs = read("\n".join(lines).encode(), llama_bench)
    return [run.conditions.get("build") for run in runs]


def test_the_build_after_a_table_is_that_of_all_its_rows() -> None:
    first, second = "build: fb644247d (7431)", "build: aaaaaaaaa (8000)"
    found = table(HEADER, ROW, ROW, "", first, HEADER, ROW, "", second)
    assert found == ["fb644247d (7431)"] * 2 + ["aaaaaaaaa (8000)"]


def test_a_table_without_a_build_does_not_get_that_of_the_next() -> None:
    assert table(HEADER, ROW, HEADER, ROW, "build: fb644247d (7431)") == [None, "fb644247d (7431)"]
    assert table("build: fb644247d (7431)", HEADER, ROW) == [None]


def test_each_rank_has_its_own_build() -> None:
    lines = [HEADER, ROW, "build: fb644247d (7431)"]
    other = [HEADER, ROW, "build: aaaaaaaaa (8000)"]
    both = [line for a, b in zip(lines, other, strict=True) for line in (f"0: {a}", f"1: {b}")]
    assert table(*both) == ["fb644247d (7431)", "aaaaaaaaa (8000)"]


@pytest.mark.parametrize(
    "line", ["build: unknown (0)", "build: 4242 (fb644247d) with cc", "build:"]
)
def test_an_unknown_build_is_none(line: str) -> None:
    assert table(HEADER, ROW, line) == [None]


def record(**changes: Any) -> Result:
    found = json.loads((LOGS / "llama.cpp" / "bench.jsonl").read_text().splitlines()[0])
    (run,) = read(json.dumps(found | changes).encode(), llama_bench, llama_bench_rows)
    return run


def test_a_record_has_the_build_as_the_table_has_it() -> None:
    assert record(build_commit="fb644247d", build_number=7431).conditions["build"] == (
        "fb644247d (7431)"
    )
    assert record(build_commit="fb644247d", build_number="7431").conditions["build"] == (
        "fb644247d (7431)"
    )
    assert "build" not in record(build_commit="unknown", build_number=0).conditions


def test_the_cpu_beside_a_gpu_is_a_condition() -> None:
    assert record(backends="CUDA", cpu_info="AMD EPYC 9654").conditions["CPU"] == "AMD EPYC 9654"


@pytest.mark.parametrize("backend", ["CPU", "BLAS", "BLAS,CPU"])
def test_the_cpu_is_the_device_where_it_computes(backend: str) -> None:
    run = record(backends=backend, cpu_info="AMD EPYC 9654")
    assert (run.device, "CPU" in run.conditions) == ("AMD EPYC 9654", False)


# Excerpts of the examples without the line that has the speed


def timings(runs: int, speed: float = 85.1) -> list[str]:
    name = "llama_perf_context_print:"
    return [
        f"{name}        load time = 1009.26 ms",
        f"{name} prompt eval time = 78.37 ms / 64 tokens ( 1.22 ms per token, 816.6 tokens per second)",  # noqa: E501
        f"{name}        eval time = 11.75 ms / {runs} runs ( 11.75 ms per token, {speed} tokens per second)",  # noqa: E501
    ]


LOOKAHEAD = ["W = 15", "N =  5", "G = 15"]
PARALLEL = "main: n_parallel = 8, n_sequences = 32, cont_batching = 1, system tokens = 305"
BATCHED = "main: n_predict = 32, n_ctx = 2048, n_batch = 32, n_parallel = 4, n_kv_req = 113"


@pytest.mark.parametrize(
    "lines",
    [
        [*LOOKAHEAD, "n_predict = 100", "n_accept  = 40", *timings(1)],
        [*LOOKAHEAD, *timings(1)],
        ["n_predict = 100", "n_accept  = 40", *timings(1)],
        ["n_draft   = 8", *timings(21)],
        [PARALLEL, *timings(3)],
        [BATCHED, *timings(1)],
        ["draft:", *timings(214), "target:", *timings(21)],
        ["draft:", *timings(214)],
        ["target:", *timings(21)],
        ["main: decoded 108 tokens in 3.57 s, speed: 30.26 t/s", *timings(1)],
    ],
)
def test_timings_of_single_tokens_are_not_the_whole_decode(lines: list[str]) -> None:
    (run,) = read("\n".join(lines).encode(), llama_cpp)
    assert (run.tokens_per_second, run.tpot_seconds, run.status) == (None, None, "incomplete")
    assert run.reason


@pytest.mark.parametrize(
    "lines",
    [
        ["main: decoded 31 tokens in 0.57 s, speed: 54.4 t/s"],
        ["main: decoded 32 tokens in 0.57 s, speed: 54.4 t/s"],
        ["main: n_parallel = 1, n_sequences = 1, cont_batching = 1, system tokens = 305"],
        ["N = 5", "n_predict = 100"],
    ],
)
def test_timings_of_one_token_a_pass_are_decode(lines: list[str]) -> None:
    (run,) = read("\n".join([*lines, *timings(31)]).encode(), llama_cpp)
    assert (run.tokens_per_second, run.status) == (85.1, "ok")


def test_what_was_announced_ends_with_the_next_model() -> None:
    model = "print_info: general.name = Llama 3"
    (run,) = read("\n".join([PARALLEL, model, *timings(31)]).encode(), llama_cpp)
    assert (run.tokens_per_second, run.status) == (85.1, "ok")
    first, second = read("\n".join([PARALLEL, *timings(3), *timings(31)]).encode(), llama_cpp)
    assert (first.tokens_per_second, second.tokens_per_second) == (None, 85.1)
