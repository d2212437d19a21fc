"""Reading what servers, their benchmarks and clients leave: vLLM, SGLang, TensorRT-LLM, ...

What each client's report says is in test_reader_clients.py.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_corpus import (
    LOGS,
    assert_nothing_invented,
    broken_documents,
    check,
    logs_of,
    mangled,
    numbers_in,
    read,
)

from workshop.record.readers import (
    aiperf,
    guidellm,
    guidellm_json,
    inference_perf,
    mlperf,
    ollama,
    ollama_json,
    read_logs,
    sglang,
    sglang_json,
    sglang_server,
    tensorrt_llm,
    tensorrt_llm_json,
    vllm,
    vllm_json,
    vllm_server,
)
from workshop.record.results import Result

quick = settings(max_examples=60, deadline=None)

READERS: dict[str, tuple[Any, ...]] = {
    "vllm-speculative": (vllm, vllm_json),
    "sglang": (vllm, vllm_json, sglang, sglang_json),
    "vllm-server": (vllm_server,),
    "sglang-server": (sglang_server,),
    "guidellm": (guidellm, guidellm_json),
    "aiperf": (aiperf,),
    "inference-perf": (inference_perf,),
    "mlperf": (mlperf,),
    "ollama": (ollama, ollama_json),
    "tensorrt-llm": (tensorrt_llm, tensorrt_llm_json),
}
ALL = tuple({reader: None for readers in READERS.values() for reader in readers})
CORPUS = [(tool, log) for tool in READERS for log in logs_of(tool)]
TEXTS = [tool for tool in READERS if tool not in ("aiperf", "inference-perf")]
DOCUMENTS = ["vllm-speculative", "guidellm", "aiperf", "inference-perf", "ollama", "tensorrt-llm"]
# What follows from several numbers of a text: means over lines, durations, shares.
DERIVED = {"vllm-server", "sglang-server", "ollama"}


def lines_of(tool: str, name: str) -> list[str]:
    return (LOGS / tool / name).read_text().splitlines()


def found_in(tool: str, *lines: str) -> list[Result]:
    return read("\n".join(lines).encode(), *READERS[tool])


@pytest.mark.parametrize(("tool", "log"), CORPUS, ids=[f"{t}-{log.name}" for t, log in CORPUS])
def test_what_is_expected_is_read_and_nothing_else(tool: str, log: Path) -> None:
    check(log, *READERS[tool])


@pytest.mark.parametrize(("tool", "log"), CORPUS, ids=[f"{t}-{log.name}" for t, log in CORPUS])
def test_the_format_is_found_among_all_others(tool: str, log: Path) -> None:
    expected = [
        run["format"] for run in json.loads(log.with_name(f"{log.name}.expected.json").read_text())
    ]
    assert [found.result.format for found in read_logs([log])] == expected


# Speculation


def test_the_tokens_that_a_pass_makes_itself_are_not_accepted_guesses() -> None:
    lines = lines_of("vllm-speculative", "serve-0.32.out")
    (exact,) = found_in("vllm-speculative", *lines)
    assert exact.mean_accepted == pytest.approx(38 / 141)
    assert exact.acceptance_rate == pytest.approx(38 / 407)
    (rounded,) = found_in(
        "vllm-speculative", *(line for line in lines if not line.startswith(("Draft", "Accepted")))
    )
    assert rounded.mean_accepted == pytest.approx(0.27)
    assert rounded.acceptance_rate == pytest.approx(0.0934)


def test_the_acceptance_of_a_run_without_speculation_is_not_known() -> None:
    lines = [line for line in lines_of("sglang", "serve-speculative.out") if "Accept" not in line]
    (run,) = found_in("sglang", *lines)
    assert (run.mean_accepted, run.acceptance_rate, run.acceptance_by_position) == (None,) * 3


# Settings


def test_runs_that_differ_in_a_setting_differ_in_a_condition() -> None:
    line = lines_of("vllm-speculative", "serve-0.32.out")[1]
    block = lines_of("vllm-speculative", "serve-0.32.out")[12:]
    (first,) = found_in("vllm-speculative", line, *block)
    for old, new in [
        ("request_rate=inf", "request_rate=4.0"),
        ("burstiness=1.0", "burstiness=0.5"),
        ("backend='openai'", "backend='openai-chat'"),
        ("dataset_name='random'", "dataset_name='sharegpt'"),
        ("random_output_len=64", "random_output_len=128"),
        ("ignore_eos=True", "ignore_eos=False"),
    ]:
        assert old in line
        (second,) = found_in("vllm-speculative", line.replace(old, new), *block)
        assert second.conditions != first.conditions, new
    for old, new in [
        ("seed=0", "seed=1"),
        ("host='127.0.0.1'", "host='node7'"),
        ("result_dir=None", "result_dir='x'"),
    ]:
        (second,) = found_in("vllm-speculative", line.replace(old, new), *block)
        assert second.conditions == first.conditions, new


def test_what_a_benchmark_announces_is_a_setting_of_its_own_block_alone() -> None:
    announced = [
        "Traffic request rate: 4.0",
        "Burstiness factor: 0.5 (Gamma distribution)",
        "Maximum request concurrency: 7",
    ]
    block = [
        line
        for line in lines_of("vllm-speculative", "serve-sections.out")
        if not line.startswith(("Maximum", "Request rate"))
    ]
    first, second = found_in("vllm-speculative", *announced, *block, *block)
    assert (first.concurrency, second.concurrency) == (7, None)
    asked = {"requests": 1536, "input tokens": 3160578}
    assert first.conditions == {"burstiness": 0.5, "request rate, 1/s": 4, **asked}
    assert second.conditions == asked


def test_a_server_at_one_request_at_a_time_has_no_batch_of_one() -> None:
    (run,) = found_in("sglang", *lines_of("sglang", "serve-speculative.out"))
    assert (run.concurrency, run.batch_size) == (1, None)


# SGLang


def test_the_warm_up_is_no_result() -> None:
    lines = lines_of("sglang", "one-batch.out")
    (run,) = found_in("sglang", *lines)
    assert run.tokens_per_second == 174.85
    assert found_in("sglang", *lines[: lines.index("Benchmark ...")]) == []


def test_an_offline_block_that_was_cut_off_is_incomplete() -> None:
    (run,) = found_in("sglang", *lines_of("sglang", "offline.out")[:-3])
    assert (run.status, run.tokens_per_second) == ("incomplete", None)


# Servers' logs


def interval(speed: object, running: int = 1, process: int = 7) -> str:
    return (
        f"(APIServer pid={process}) INFO 08-28 22:42:28 [loggers.py:123] Engine 000: "
        f"Avg prompt throughput: 1.0 tokens/s, Avg generation throughput: {speed} tokens/s, "
        f"Running: {running} reqs, Waiting: 0 reqs, GPU KV cache usage: 3.9%"
    )


def test_the_lines_in_which_a_server_was_idle_do_not_count() -> None:
    (run,) = found_in("vllm-server", interval("10.0"), interval("0.0", 0), interval("30.0"))
    assert (run.tokens_per_second, run.concurrency) == (20, 1)
    assert "mean over 2 lines" in run.warnings[0]
    assert found_in("vllm-server", interval("0.0"), interval("0.0")) == []


def test_a_server_that_was_started_again_is_a_run_of_its_own() -> None:
    runs = found_in("vllm-server", interval("10.0"), interval("30.0", 2, process=8))
    assert [(run.tokens_per_second, run.concurrency) for run in runs] == [(10, 1), (30, 2)]


def test_a_benchmark_has_priority_over_the_log_of_its_server(tmp_path: Path) -> None:
    log = tmp_path / "job.out"
    block = (LOGS / "vllm-speculative" / "serve-sections.out").read_text()
    log.write_text(f"{interval('10.0')}\n{block}{interval('30.0')}\n")
    assert [found.result.format for found in read_logs([log])] == ["vllm-serve"]


def test_unfinished_progress_of_offline_generation_is_no_result() -> None:
    lines = (LOGS / "vllm-server" / "generate.out").read_text().split("\r")
    assert found_in("vllm-server", *lines[:-1]) == []


# Whatever there is


def plain(run: Result) -> Result:
    """The run without what follows from several numbers."""
    return replace(run, mean_accepted=None, acceptance_rate=None, acceptance_by_position=None)


def assert_possible(run: Result) -> None:
    assert all(math.isfinite(number) and number >= 0 for number in numbers_in(run))
    assert run.status == "ok" or run.reason
    for share in (run.acceptance_rate, *(run.acceptance_by_position or [])):
        assert share is None or 0 <= share <= 1
    assert len(run.conditions) <= 250
    assert all(len(str(value)) <= 80 for value in run.conditions.values())


@quick
@given(st.sampled_from(TEXTS).flatmap(lambda tool: st.tuples(st.just(tool), mangled(tool))))
def test_no_text_breaks_a_reader_and_none_gives_a_number_of_its_own(case: tuple[str, str]) -> None:
    tool, text = case
    for reader in ALL:
        found = read(text.encode(errors="replace"), reader)
        for run in found:
            assert_possible(run)
        if tool not in DERIVED:
            assert_nothing_invented((plain(run) for run in found), text)


@quick
@given(
    st.sampled_from(DOCUMENTS).flatmap(
        lambda tool: st.tuples(st.just(tool), broken_documents(tool))
    )
)
def test_no_document_breaks_a_reader(case: tuple[str, Any]) -> None:
    tool, document = case
    for reader in ALL:
        if hasattr(reader, "NEEDLES"):
            continue
        found = reader.results(document, "x.json")
        for run in found:
            assert_possible(run)
        if tool not in DERIVED:
            assert_nothing_invented((plain(run) for run in found), json.dumps(document))


@quick
@given(st.binary(max_size=400), st.sampled_from(CORPUS), st.integers(0, 4000))
def test_garbage_and_cut_off_files_never_raise(
    garbage: bytes, case: tuple[str, Path], length: int
) -> None:
    read(garbage, *ALL)
    for run in read(case[1].read_bytes()[:length] + garbage, *ALL):
        assert_possible(run)


def test_hostile_numbers_of_engines_processes_and_fields_are_bounded() -> None:
    assert len(found_in("vllm-server", *(interval("1.0", process=n) for n in range(3000)))) <= 1000
    lines = [
        "MLPerf Results Summary",
        "Scenario : Server",
        *(f"name{n} : {n}" for n in range(5000)),
    ]
    assert len(found_in("mlperf", *lines)[0].conditions) < 300
    deep: Any = "value"
    for _ in range(500):
        deep = {"more": deep}
    export = json.loads((LOGS / "aiperf" / "aiperf-0.13.json").read_text())
    export["input_config"]["endpoint"] = deep
    assert len(aiperf.results(export, "x.json")) == 1
