"""Reading what clients of servers report: GuideLLM, AIPerf, MLPerf's LoadGen and Ollama."""

from __future__ import annotations

import json
from typing import Any

import pytest
from reader_corpus import LOGS, read

from workshop.record.readers import aiperf, guidellm, guidellm_json, mlperf, ollama, ollama_json
from workshop.record.results import Result

READERS: dict[str, tuple[Any, ...]] = {
    "guidellm": (guidellm, guidellm_json),
    "mlperf": (mlperf,),
    "ollama": (ollama, ollama_json),
}


def lines_of(tool: str, name: str) -> list[str]:
    return (LOGS / tool / name).read_text().splitlines()


def found_in(tool: str, *lines: str) -> list[Result]:
    return read("\n".join(lines).encode(), *READERS[tool])


def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((LOGS / "guidellm" / "report-0.8.1.json").read_text())
    return found


def test_each_benchmark_of_a_sweep_is_a_run_with_its_rate() -> None:
    sweep = report()
    sweep["benchmarks"] = [json.loads(json.dumps(sweep["benchmarks"][0])) for _ in range(3)]
    strategies = (
        {"type_": "synchronous"},
        {"type_": "constant", "rate": 2.5},
        {"type_": "concurrent", "streams": 8},
    )
    for benchmark, strategy in zip(sweep["benchmarks"], strategies, strict=True):
        benchmark["config"]["strategy"] = strategy
    one, rate, eight = guidellm_json.results(sweep, "x.json")
    assert (one.concurrency, rate.concurrency, eight.concurrency) == (1, None, 8)
    assert rate.conditions["request rate, 1/s"] == 2.5
    assert (
        len({str(run.conditions | {"c": run.concurrency or 0}) for run in (one, rate, eight)}) == 3
    )


def test_reports_of_older_versions_are_read() -> None:
    old = report()
    del old["config"]
    old["args"] = {"model": "m", "data": ["prompt_tokens=32,output_tokens=48"]}
    (benchmark,) = old["benchmarks"]
    del benchmark["config"], benchmark["scheduler_metrics"], benchmark["warnings"]
    totals = benchmark["metrics"].pop("request_totals")
    benchmark["run_stats"] = {"requests_made": totals}
    benchmark["args"] = {"strategy": {"type_": "concurrent", "streams": 2}}
    (run,) = guidellm_json.results(old, "x.json")
    assert (run.model, run.concurrency, run.tokens_per_second) == ("m", 2, pytest.approx(164.57315))
    assert run.conditions["dataset"] == "prompt_tokens=32,output_tokens=48"
    totals["successful"] = 0
    assert guidellm_json.results(old, "x.json")[0].reason == "no request succeeded"


def test_tables_of_several_benchmarks_are_read_row_by_row() -> None:
    lines = lines_of("guidellm", "console-0.8.1.out")
    twice = [
        copy
        for line in lines
        for copy in (
            [line, line.replace("concurrent@2", "concurrent@4").replace("164.6", "200.5")]
            if line.startswith("| concurrent@2")
            else [line]
        )
    ]
    first, second = found_in("guidellm", *twice)
    assert (first.concurrency, first.tokens_per_second) == (2, 164.6)
    assert (second.concurrency, second.tokens_per_second) == (4, 200.5)


def test_failed_requests_are_told() -> None:
    broken = report()
    broken["benchmarks"][0]["metrics"]["request_totals"] |= {"successful": 5, "errored": 3}
    (run,) = guidellm_json.results(broken, "x.json")
    assert "3 of its requests failed" in run.warnings


def test_a_count_that_the_server_confirms_needs_no_warning() -> None:
    export = json.loads((LOGS / "aiperf" / "aiperf-0.13.json").read_text())
    export["usage_completion_tokens"] = export["output_sequence_length"]
    assert aiperf.results(export, "x.json")[0].warnings == []
    del export["usage_completion_tokens"]
    assert aiperf.results(export, "x.json")[0].warnings == [aiperf.OWN_TOKENIZER]


def test_keys_and_addresses_of_a_configuration_are_no_conditions() -> None:
    export = json.loads((LOGS / "aiperf" / "aiperf-0.13.json").read_text())
    export["input_config"]["endpoint"] |= {"api_key": "hush", "headers": {"Authorization": "hush"}}
    (run,) = aiperf.results(export, "x.json")
    assert "hush" not in str(run)
    assert "127.0.0.1" not in str(run.conditions)


def test_a_valid_result_of_mlperf_has_no_warning_and_a_cut_one_says_so() -> None:
    lines = lines_of("mlperf", "server.txt")
    (valid,) = found_in("mlperf", *(line.replace("INVALID", "VALID") for line in lines))
    assert (valid.status, valid.warnings) == ("ok", [])
    (cut,) = found_in("mlperf", *lines[:20])
    assert (cut.status, cut.reason) == ("incomplete", "the summary is cut off")
    (number,) = found_in("mlperf", *lines[:7])
    assert number.tokens_per_second is None
    (samples,) = found_in("mlperf", *(line for line in lines if "okens per" not in line))
    assert "counts samples, not tokens" in str(samples.reason)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m2.5s", 62.5), ("850ms", 0.85), ("12.5µs", 1.25e-5), ("1h0m1s", 3601), ("0s", None),
     ("fast", None), ("5", None), ("1m2.5", None), (None, None)],
)  # fmt: skip
def test_go_durations(text: str | None, seconds: float | None) -> None:
    assert ollama.go_duration(text) == (None if seconds is None else pytest.approx(seconds))


def test_a_rate_alone_is_not_ollamas() -> None:
    assert found_in("ollama", "eval rate:            62.10 tokens/s") == []
