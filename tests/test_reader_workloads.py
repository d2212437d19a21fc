"""Conditions distinguish runs of different workloads and set-ups: vLLM and SGLang."""

from __future__ import annotations

import json
from typing import Any

import pytest
from reader_corpus import LOGS, read

from workshop.record.readers import sglang, sglang_json, vllm, vllm_json
from workshop.record.readers.source_settings import namespace, notes
from workshop.record.results import Condition, Result

READERS = (vllm, vllm_json, sglang, sglang_json)


def found_in(text: str) -> list[Result]:
    return read(text.encode(), *READERS)


def conditions_of(text: str) -> dict[str, Condition]:
    (run,) = found_in(text)
    return run.conditions


def block(title: str = "Serving", **changes: object) -> str:
    fields = {
        "Successful requests": 100,
        "Failed requests": None,
        "Total input tokens": 102400,
        "Total generated tokens": 12800,
        "Output token throughput (tok/s)": 1000.0,
    } | {name.replace("_", " "): value for name, value in changes.items()}
    lines = [f"{name + ':':<40} {value}" for name, value in fields.items() if value is not None]
    return "\n".join([f"============ {title} Benchmark Result ============", *lines, "=" * 50])


@pytest.mark.parametrize("title", ["Serving", "Offline Throughput"])
def test_a_block_says_what_was_asked(title: str) -> None:
    assert conditions_of(block(title)) == {"requests": 100, "input tokens": 102400}


@pytest.mark.parametrize("title", ["Serving", "Offline Throughput"])
@pytest.mark.parametrize("changes", [{"Successful_requests": 10}, {"Total_input_tokens": 409600}])
def test_blocks_of_different_workloads_differ(title: str, changes: dict[str, int]) -> None:
    assert conditions_of(block(title)) != conditions_of(block(title, **changes))


def test_the_total_of_the_output_is_no_condition() -> None:
    assert conditions_of(block()) == conditions_of(block(Total_generated_tokens=12345))


def test_requests_that_failed_were_asked_too() -> None:
    found = conditions_of(block(Successful_requests=98, Failed_requests=2))
    assert found["requests"] == 100


def test_the_arguments_say_how_many_requests_were_asked_where_failed_ones_are_not_printed() -> None:
    arguments = "Namespace(backend='vllm', num_prompts=100, model='a')"
    found = conditions_of(f"{arguments}\n{block(Successful_requests=98)}")
    assert found["requests"] == 100


def test_the_prompts_after_a_throughput_are_part_of_its_run() -> None:
    runs = found_in(
        "Throughput: 17.84 requests/s, 7402.61 total tokens/s, 3511.28 output tokens/s\n"
        "Total num prompt tokens:  1024000\n"
        "Total num output tokens:  128000\n"
        "Throughput: 17.84 requests/s, 9402.61 total tokens/s, 1511.28 output tokens/s\n"
        "Throughput: 17.84 requests/s, 9402.61 total tokens/s, 1512.28 output tokens/s\n"
        "Total num prompt tokens:  4096000\n"
    )
    assert [run.tokens_per_second for run in runs] == [3511.28, 1511.28, 1512.28]
    assert [run.conditions.get("input tokens") for run in runs] == [1024000, None, 4096000]


def record(name: str, **changes: object) -> str:
    first = (LOGS / name).read_text().splitlines()[0]
    try:
        found: dict[str, Any] = json.loads(first)
    except ValueError:
        found = json.loads((LOGS / name).read_text())
    return json.dumps(found | changes)


@pytest.mark.parametrize(
    ("log", "changes"),
    [
        ("vllm/serve.json", {"num_prompts": 1000}),
        ("vllm/serve.json", {"total_input_tokens": 819200}),
        ("vllm/throughput.json", {"num_requests": 10}),
        ("vllm/throughput.json", {"total_num_tokens": 2000}),
        ("sglang/serve.jsonl", {"completed": 10}),
        ("sglang/serve.jsonl", {"total_input_tokens": 10}),
        ("sglang/offline.jsonl", {"successful_requests": 2000}),
        ("sglang/offline.jsonl", {"total_input_tokens": 10}),
        ("sglang/serve.jsonl", {"server_info": {"tp_size": 2}}),
        ("sglang/serve.jsonl", {"server_info": {"server_args": {"quantization": "fp8"}}}),
        ("sglang/serve.jsonl", {"server_info": {"decode": [{"dp_size": 2}]}}),
        ("vllm/serve.json", {"quant": "fp8/e4m3"}),
    ],
)
def test_records_that_differ_in_what_was_asked_differ(log: str, changes: dict[str, Any]) -> None:
    assert conditions_of(record(log)) != conditions_of(record(log, **changes))


@pytest.mark.parametrize(
    ("log", "changes"),
    [
        ("vllm/serve.json", {"total_output_tokens": 12345}),
        ("sglang/serve.jsonl", {"total_output_tokens": 12345}),
        ("sglang/offline.jsonl", {"total_output_tokens": 12345}),
        ("sglang/serve.jsonl", {"server_info": {"model_path": "/home/ada/m", "port": 30000}}),
        ("sglang/serve.jsonl", {"server_info": {"api_key": "x", "host": "node7"}}),
        ("sglang/serve.jsonl", {"server_info": "tp_size=2"}),
        ("vllm/serve.json", {"log": "/home/ada/run.log"}),
    ],
)
def test_what_differs_between_repeats_is_no_condition(log: str, changes: dict[str, Any]) -> None:
    assert conditions_of(record(log)) == conditions_of(record(log, **changes))


def test_each_value_of_a_server_has_its_name() -> None:
    info = {
        "tp_size": 2,
        "disable_radix_cache": True,
        "dtype": "auto",
        "kv_cache_dtype": "fp8_e5m2",
    }
    found = conditions_of(record("sglang/serve.jsonl", server_info=info))
    assert found["tensor parallel size"] == 2
    assert found["no prefix caching"] is True
    assert found["KV cache type"] == "fp8_e5m2"
    assert "weights" not in found


@pytest.mark.parametrize(
    ("argument", "conditions"),
    [
        ("metadata=['tp=4', 'quant=fp8/e4m3']", {"tp": 4, "quant": "fp8/e4m3"}),
        ("metadata=['tp=4', 'log=/home/ada/x.log', 'host=node7']", {"tp": 4}),
        ("lora_modules=['a', 'b']", {"LoRA modules": "a, b"}),
        ("lora_modules=['/home/ada/a']", {}),
        ("extra_body={'a': 1, 'b': {'c': [2, 3]}}", {"request fields": "a: 1, b: c: 2, 3"}),
        ("extra_body={}", {}),
        ("goodput=['ttft:100', 'tpot:50']", {"goodput targets": "ttft:100, tpot:50"}),
        ("logprobs=5", {"log probabilities": 5}),
        ("logprobs=None", {}),
        ("host='node7', port=8000", {}),
    ],
)
def test_an_argument_is_a_condition(argument: str, conditions: dict[str, Condition]) -> None:
    plain = conditions_of(f"Namespace(num_prompts=100)\n{block()}")
    found = conditions_of(f"Namespace(num_prompts=100, {argument})\n{block()}")
    assert found == plain | conditions


@pytest.mark.parametrize(
    "path",
    ["/data/x", "./x", "../x", "~/x", "C:\\x\\y", "s3://bucket/x", "runs/x.json", "a/b/c"],
)
def test_notes_hold_no_paths(path: str) -> None:
    assert notes([("note", path)]) == {}


@pytest.mark.parametrize("key", ["host", "server_port", "base_url", "result-dir"])
def test_notes_hold_no_places(key: str) -> None:
    assert notes([(key, "node7")]) == {}


@pytest.mark.parametrize("inside", ["[" * 5000, "'" * 9999, "[" + "," * 9999 + "]", "['a" * 3000])
def test_hostile_arguments_break_nothing(inside: str) -> None:
    assert namespace(f"Namespace(a=1, b={inside}")["a"] == "1"
