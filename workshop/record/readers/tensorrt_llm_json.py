"""The report of ``trtllm-bench`` as JSON, ``--report_json``."""

from __future__ import annotations

from typing import Any

from workshop.record.readers.acceptance import acceptance
from workshop.record.readers.serving_block import SERVED
from workshop.record.readers.settings_values import if_set
from workshop.record.readers.units import capped, count, number, part, positive, seconds, words
from workshop.record.results import Condition, Result

NAME = "tensorrt-llm-json"
FORMAT = "tensorrt-llm"

_PARTS = {"engine", "world_info", "request_info", "performance"}
_SPEED = "system_output_throughput_tok_s"
_PERCENTILES = {"p50": "50", "p90": "90", "p95": "95", "p99": "99"}
_SETTINGS = {
    "backend": ("engine", "backend"),
    "KV cache type": ("engine", "kv_cache_dtype"),
    "quantization": ("engine", "quantization"),
    "longest prompt, tokens": ("engine", "max_input_length"),
    "context length": ("engine", "max_sequence_length"),
    "tensor parallel size": ("world_info", "tp_size"),
    "pipeline parallel size": ("world_info", "pp_size"),
    "expert parallel size": ("world_info", "ep_size"),
    "most sequences in a batch": ("world_info", "max_batch_size"),
    "most tokens in a batch": ("world_info", "max_num_tokens"),
    "scheduling": ("world_info", "scheduling_policy"),
    "share of GPU memory": ("world_info", "kv_cache_percentage"),
    "requests": ("request_info", "num_requests"),
    "input tokens": ("request_info", "avg_input_length"),
    "speculation": ("decoding_stats", "mode"),
}


def results(document: Any, file_name: str) -> list[Result]:
    """The run in a parsed file; files of several runs, one a line, are read as well."""
    records = document if isinstance(document, list) else [document]
    return capped(
        _run(record)
        for record in records
        if isinstance(record, dict)
        and record.keys() >= _PARTS
        and isinstance(record["performance"], dict)
        and _SPEED in record["performance"]
    )


def _run(record: dict[Any, Any]) -> Result:
    speed = positive(part(record, "performance", _SPEED))
    rate = number(part(record, "decoding_stats", "draft_acceptance_rate_percentiles", "average"))
    accepted = acceptance(
        length=part(record, "decoding_stats", "acceptance_length_percentiles", "average"),
        percent=None if rate is None else 100 * rate,
    )
    return Result(
        None,
        "ok" if speed is not None else "incomplete",
        reason=None if speed is not None else "its output throughput is not a number",
        format=FORMAT,
        definition=SERVED,
        tokens_per_second=speed,
        ttft_seconds=seconds(part(record, "streaming_metrics", "avg_ttft_ms"), "ms"),
        tpot_seconds=seconds(part(record, "streaming_metrics", "avg_tpot_ms"), "ms"),
        latency_seconds=seconds(part(record, "performance", "avg_request_latency_ms"), "ms"),
        latency_percentiles=_percentiles(record),
        mean_accepted=accepted.mean_accepted,
        acceptance_rate=accepted.acceptance_rate,
        model=words(part(record, "engine", "model")),
        dtype=words(part(record, "engine", "dtype")),
        device=words(part(record, "machine", "name")),
        world_size=count(part(record, "world_info", "world_size")) or None,
        conditions=_conditions(record),
    )


def _percentiles(record: dict[Any, Any]) -> dict[str, float]:
    values = part(record, "performance", "request_latency_percentiles_ms")
    found = {name: seconds(part(values, key), "ms") for key, name in _PERCENTILES.items()}
    return {name: took for name, took in found.items() if took is not None}


def _conditions(record: dict[Any, Any]) -> dict[str, Condition]:
    found = {name: if_set(part(record, *path)) for name, path in _SETTINGS.items()}
    kept = {name: value for name, value in found.items() if value is not None}
    # Where every request made as many tokens, that was asked for.
    length = number(part(record, "request_info", "avg_output_length"))
    return kept | {"output tokens": int(length)} if length and length.is_integer() else kept
