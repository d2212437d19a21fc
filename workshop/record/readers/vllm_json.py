"""The result files of ``vllm bench``: serve --save-result, and --output-json of the other two.

SGLang's serving benchmark appends lines with nearly the same fields to its result file.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from workshop.record.readers.acceptance import acceptance
from workshop.record.readers.serving_block import SERVED_WITH_PROMPTS, asked, server_run
from workshop.record.readers.sglang_settings import server_settings
from workshop.record.readers.source_settings import (
    LOAD,
    SAMPLING,
    conditions,
    load_conditions,
    notes,
)
from workshop.record.readers.units import capped, count, number, numbers, positive, seconds, words
from workshop.record.readers.vllm import GENERATED, NO_LENGTHS
from workshop.record.results import Condition, Result

NAME = "vllm-json"

# Fields that a document of each kind has, and others do not have together.
_SERVE = {"duration", "completed", "request_throughput", "output_throughput"}
_THROUGHPUT = {"elapsed_time", "num_requests", "total_num_tokens", "tokens_per_second"}
_LATENCY = {"avg_latency", "latencies", "percentiles"}
# Fields that only SGLang's result of serving has; older versions lack some.
_SGLANG = {"input_throughput", "total_output_tokens_retokenized", "accept_length"}
# Texts of a result that are no settings; what a user adds with --metadata is a text too.
_NO_SETTINGS = {
    "date", "model_id", "tokenizer_id", "request_rate", "backend", "endpoint_type", "label", "tag",
    "dataset_name", "server_info", "ramp_up_strategy", *LOAD, *SAMPLING,
}  # fmt: skip
_MOST = 100  # percentiles, and positions of guesses


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
    sglang = not _SGLANG.isdisjoint(record)
    run = server_run(
        model=words(record.get("model_id")),
        completed=count(record["completed"]),
        failed=count(record.get("failed")),
        speed=positive(record["output_throughput"]),
        ttft=seconds(record.get("mean_ttft_ms"), "ms"),
        tpot=seconds(record.get("mean_tpot_ms"), "ms"),
        latency=seconds(record.get("mean_e2el_ms", record.get("mean_e2e_latency_ms")), "ms"),
    )
    run = replace(
        run,
        format="sglang-serve" if sglang else run.format,
        concurrency=count(record.get("max_concurrency")) or None,
        conditions={
            **(server_settings(record.get("server_info")) if sglang else _metadata(record)),
            **load_conditions(record),
            **asked(
                record["completed"],
                record.get("failed"),
                record.get("num_prompts"),
                record.get("total_input_tokens"),
            ),
        },
    )
    if run.status == "failed":
        return run
    # With --save-detailed; of requests of different lengths there is no one length.
    return replace(
        run,
        prompt_tokens=_shared(record.get("input_lens")),
        new_tokens=_shared(record.get("output_lens")),
        **_acceptance(record),
    )


def _acceptance(record: dict[Any, Any]) -> dict[str, Any]:
    shares = record.get("spec_decode_per_position_acceptance_rates")
    found = acceptance(
        length=record.get("spec_decode_acceptance_length", record.get("accept_length")),
        percent=record.get("spec_decode_acceptance_rate"),
        drafts=record.get("spec_decode_num_drafts"),
        drafted=record.get("spec_decode_draft_tokens"),
        accepted=record.get("spec_decode_accepted_tokens"),
        shares=shares[:_MOST] if isinstance(shares, list) else (),
    )
    return asdict(found)


def _metadata(record: dict[Any, Any]) -> dict[str, Condition]:
    """What the user noted about the run, such as ``tensor_parallel=2``."""
    return notes(
        (key, value)
        for key, value in record.items()
        if isinstance(key, str) and key not in _NO_SETTINGS
    )


def _shared(lengths: object) -> int | None:
    found = set(numbers(lengths))
    return count(found.pop()) if len(found) == 1 else None


def _throughput(record: dict[Any, Any]) -> Result:
    speed = positive(record["tokens_per_second"])
    asked_for = {"num_requests": "requests", "total_num_tokens": "input and output tokens"}
    return Result(
        None,
        "failed" if speed is None else "ok",
        reason="its tokens_per_second is not a number" if speed is None else None,
        format="vllm-throughput",
        tokens_per_second=speed,
        definition=SERVED_WITH_PROMPTS,
        # It makes each output as long as it was asked to be.
        conditions=conditions(record, asked_for),
    )


def _latency(record: dict[Any, Any]) -> Result:
    mean = seconds(record["avg_latency"])
    latencies = numbers(record["latencies"])
    broken = number(record["avg_latency"]) is None or not latencies
    return Result(
        None,
        "failed" if broken else "ok",
        reason="its latencies are not numbers" if broken else None,
        format="vllm-latency",
        definition=GENERATED,
        latency_seconds=None if broken else mean,
        latencies=[] if broken else latencies,
        latency_percentiles={} if broken else _percentiles(record["percentiles"]),
        model=words(record.get("model_id")),
        warnings=[] if broken else [NO_LENGTHS],
    )


def _percentiles(values: object) -> dict[str, float]:
    if not isinstance(values, dict):
        return {}
    kept: dict[str, float] = {}
    for name, value in list(values.items())[:_MOST]:
        took = seconds(value)
        if isinstance(name, str) and took is not None and number(name) is not None:
            kept[name] = took
    return kept
