"""The reports of inference-perf, ``stage_0_lifecycle_metrics.json`` and the summary of all stages.

Times are in seconds. The tokens that came back are counted with a tokenizer of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workshop.record.readers.aiperf import OWN_TOKENIZER
from workshop.record.readers.serving_block import NO_REQUEST, SERVED
from workshop.record.readers.source_settings import conditions
from workshop.record.readers.units import capped, count, part, positive, seconds
from workshop.record.results import Result

NAME = "inference-perf"

_PARTS = {"load_summary", "successes", "failures"}
_PERCENTILES = {"p10": "10", "median": "50", "p90": "90", "p95": "95", "p99": "99"}


def results(document: Any, file_name: str) -> list[Result]:
    """The stage in a parsed file; files of several, one a line, are read as well."""
    records = document if isinstance(document, list) else [document]
    return capped(_run(one) for one in records if isinstance(one, dict) and one.keys() >= _PARTS)


def _run(record: dict[Any, Any]) -> Result:
    done, load = record["successes"], record["load_summary"]
    settings = {"requested_rate": "request rate, 1/s", "count": "requests"}
    plain = Result(
        None,
        "failed",
        reason=NO_REQUEST,
        format=NAME,
        definition=SERVED,
        concurrency=count(part(load, "concurrency")) or None,
        conditions=conditions(load, settings) if isinstance(load, dict) else {},
    )
    if count(part(done, "count")) == 0:
        return plain
    speed = positive(part(done, "throughput", "output_tokens_per_sec"))
    failed = count(part(record, "failures", "count"))
    return replace(
        plain,
        status="ok" if speed is not None else "incomplete",
        reason=None if speed is not None else "there is no output token throughput",
        tokens_per_second=speed,
        ttft_seconds=_time(done, "time_to_first_token"),
        tpot_seconds=_time(done, "time_per_output_token"),
        latency_seconds=_time(done, "request_latency"),
        latency_percentiles=_percentiles(done),
        prompt_tokens=_shared(part(done, "prompt_len")),
        warnings=[OWN_TOKENIZER, *([f"{failed} of its requests failed"] if failed else [])],
    )


def _time(done: object, name: str, which: str = "mean") -> float | None:
    return seconds(part(done, "latency", name, which))


def _percentiles(done: object) -> dict[str, float]:
    found = {name: _time(done, "request_latency", key) for key, name in _PERCENTILES.items()}
    return {name: took for name, took in found.items() if took is not None}


def _shared(lengths: object) -> int | None:
    """The length that all requests have, if they have one."""
    least, most = count(part(lengths, "min")), count(part(lengths, "max"))
    return least if least == most and least else None
