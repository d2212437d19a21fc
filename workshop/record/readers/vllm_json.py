"""The result files of ``vllm bench``: serve --save-result, and --output-json of the other two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workshop.record.readers.units import capped, count, number, numbers, positive, seconds, words
from workshop.record.readers.vllm import GENERATED, NO_LENGTHS, SERVED_WITH_PROMPTS, server_run
from workshop.record.results import Result

NAME = "vllm-json"

# Fields that a document of each kind has, and others do not have together.
_SERVE = {"duration", "completed", "request_throughput", "output_throughput"}
_THROUGHPUT = {"elapsed_time", "num_requests", "total_num_tokens", "tokens_per_second"}
_LATENCY = {"avg_latency", "latencies", "percentiles"}


def results(document: Any, file_name: str) -> list[Result]:
    """The runs in a parsed file: one, or one a line."""
    records = document if isinstance(document, list) else [document]
    found = (_run(record) for record in records if isinstance(record, dict))
    return capped(run for run in found if run)


def _run(record: dict[Any, Any]) -> Result | None:
    if record.keys() >= _SERVE:
        return _serve(record)
    if record.keys() >= _THROUGHPUT:
        return _throughput(record)
    return _latency(record) if record.keys() >= _LATENCY else None


def _serve(record: dict[Any, Any]) -> Result:
    run = server_run(
        model=words(record.get("model_id")),
        completed=count(record["completed"]),
        failed=count(record.get("failed")),
        speed=positive(record["output_throughput"]),
        ttft=seconds(record.get("mean_ttft_ms"), "ms"),
        tpot=seconds(record.get("mean_tpot_ms"), "ms"),
    )
    if run.status == "failed":
        return run
    # With --save-detailed; of requests of different lengths there is no one length.
    return replace(
        run,
        prompt_tokens=_shared(record.get("input_lens")),
        new_tokens=_shared(record.get("output_lens")),
    )


def _shared(lengths: object) -> int | None:
    found = set(numbers(lengths))
    return count(found.pop()) if len(found) == 1 else None


def _throughput(record: dict[Any, Any]) -> Result:
    speed = positive(record["tokens_per_second"])
    return Result(
        None,
        "failed" if speed is None else "ok",
        reason="its tokens_per_second is not a number" if speed is None else None,
        format="vllm-throughput",
        tokens_per_second=speed,
        definition=SERVED_WITH_PROMPTS,
    )


def _latency(record: dict[Any, Any]) -> Result:
    broken = number(record["avg_latency"]) is None or not numbers(record["latencies"])
    return Result(
        None,
        "failed" if broken else "ok",
        reason="its latencies are not numbers" if broken else NO_LENGTHS,
        format="vllm-latency",
        definition=GENERATED,
    )
