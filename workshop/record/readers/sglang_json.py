"""Result files of SGLang's offline and one-batch benchmarks: a line of JSON a run, appended.

Those of its serving benchmark are in vllm_json.py, since their fields are nearly vLLM's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workshop.record.readers.acceptance import acceptance
from workshop.record.readers.serving_block import asked, server_run
from workshop.record.readers.sglang import NO_DECODE, one_batch_run, throughput_run
from workshop.record.readers.source_settings import conditions
from workshop.record.readers.units import capped, count, positive, seconds
from workshop.record.results import Result

NAME = "sglang-json"

# Fields that a document of each kind has, and others do not have together.
_OFFLINE = {"successful_requests", "total_latency", "input_throughput", "output_throughput"}
_ONE_BATCH = {"batch_size", "input_len", "output_len", "prefill_latency", "total_latency"}
_ONE_BATCH_SERVER = {"batch_size", "input_len", "output_len", "last_ttft", "output_throughput"}


def results(document: Any, file_name: str) -> list[Result]:
    """The runs in a parsed file: one, or one a line."""
    records = document if isinstance(document, list) else [document]
    found = (_run(record) for record in records if isinstance(record, dict))
    return capped(run for run in found if run)


def _run(record: dict[Any, Any]) -> Result | None:
    if record.keys() >= _OFFLINE:
        return _offline(record)
    if record.keys() >= _ONE_BATCH:
        return _one_batch(record)
    return _one_batch_server(record) if record.keys() >= _ONE_BATCH_SERVER else None


def _offline(record: dict[Any, Any]) -> Result:
    run = server_run(
        model=None,
        completed=count(record["successful_requests"]),
        failed=None,
        speed=positive(record["output_throughput"]),
        ttft=None,
        tpot=None,
    )
    requests = asked(record["successful_requests"], None, None, record.get("total_input_tokens"))
    return replace(
        throughput_run(run), conditions={**conditions(record, {"backend": "backend"}), **requests}
    )


def _one_batch(record: dict[Any, Any]) -> Result:
    run = _batch(record, record["prefill_latency"], record.get("median_decode_throughput"))
    return replace(
        run,
        tpot_seconds=seconds(record.get("median_decode_latency")),
        latency_seconds=seconds(record["total_latency"]),
    )


def _one_batch_server(record: dict[Any, Any]) -> Result:
    """A batch that was sent to a server, which divides the new tokens by the time of decode."""
    run = _batch(record, record["last_ttft"], record["output_throughput"])
    return replace(
        run,
        format="sglang-one-batch-server",
        latency_seconds=seconds(record.get("latency")),
        mean_accepted=acceptance(length=record.get("acc_length")).mean_accepted,
        conditions={
            **run.conditions,
            **conditions(record, {"cache_hit_rate": "share of the prompt in the cache"}),
        },
    )


def _batch(record: dict[Any, Any], ttft: object, throughput: object) -> Result:
    speed = positive(throughput)
    label = record.get("run_name")
    return replace(
        one_batch_run(ttft=seconds(ttft)),
        status="ok" if speed is not None else "incomplete",
        reason=None if speed is not None else NO_DECODE,
        tokens_per_second=speed,
        batch_size=count(record["batch_size"]),
        prompt_tokens=count(record["input_len"]),
        new_tokens=count(record["output_len"]),
        conditions={} if label == "default" else conditions(record, {"run_name": "label"}),
    )
