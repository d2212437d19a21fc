"""GuideLLM's report as JSON: a run for each of its benchmarks, which differ in rate or streams.

``output_tokens_per_second`` is tokens over time. ``text.tokens.output_per_second`` is not, and
``time_per_output_token_ms`` includes the first token: ``inter_token_latency_ms`` is what others
call the time of an output token.
"""

from __future__ import annotations

from typing import Any

from workshop.record.readers.guidellm import NAME as FORMAT
from workshop.record.readers.guidellm import strategy_conditions
from workshop.record.readers.serving_block import NO_REQUEST, SERVED
from workshop.record.readers.settings_values import if_set
from workshop.record.readers.units import capped, count, part, positive, seconds, words
from workshop.record.results import Condition, Result
from workshop.util.text import one_line

NAME = "guidellm-json"

_METRICS = {"output_tokens_per_second", "time_to_first_token_ms", "inter_token_latency_ms"}
# Where versions say how many requests succeeded, from the newest on.
_TOTALS = (
    ("metrics", "request_totals"),
    ("scheduler_metrics", "requests_made"),
    ("run_stats", "requests_made"),
)
_MOST_WARNINGS = 5
_PERCENTILES = {"p50": "50", "p90": "90", "p95": "95", "p99": "99"}
_MODELS = (
    ("backend", "model"),
    ("args", "model"),
    ("args", "backend_kwargs", "model"),
    ("config", "spec", "backend", "model"),
)
# Where a limit stands in a constraint's settings; versions name it differently.
_LIMITS = ("count", "max_num", "max_number", "seconds", "max_duration", "max_seconds")


def results(document: Any, file_name: str) -> list[Result]:
    """A run for each benchmark of the report."""
    benchmarks = part(document, "benchmarks")
    if not isinstance(benchmarks, list):
        return []
    return capped(
        _run(document, benchmark)
        for benchmark in benchmarks
        if isinstance(metrics := part(benchmark, "metrics"), dict) and metrics.keys() >= _METRICS
    )


def _run(report: dict[Any, Any], benchmark: dict[Any, Any]) -> Result:
    metrics = benchmark["metrics"]
    strategy = part(benchmark, "config", "strategy") or part(benchmark, "args", "strategy")
    completed = _requests(benchmark, "successful")
    plain = Result(
        None,
        "failed",
        reason=NO_REQUEST,
        format=FORMAT,
        definition=SERVED,
        model=_model(report, benchmark),
        concurrency=_concurrency(strategy),
        conditions=_conditions(report, benchmark, strategy),
    )
    if completed == 0:
        return plain
    return _measured(plain, metrics, _warnings(benchmark))


def _measured(plain: Result, metrics: dict[Any, Any], warnings: list[str]) -> Result:
    speed = positive(_mean(metrics, "output_tokens_per_second"))
    return Result(
        None,
        "ok" if speed is not None else "incomplete",
        reason=None if speed is not None else "its output tokens per second are not a number",
        format=plain.format,
        definition=plain.definition,
        model=plain.model,
        concurrency=plain.concurrency,
        conditions=plain.conditions,
        tokens_per_second=speed,
        ttft_seconds=seconds(_mean(metrics, "time_to_first_token_ms"), "ms"),
        tpot_seconds=seconds(_mean(metrics, "inter_token_latency_ms"), "ms"),
        latency_seconds=seconds(_mean(metrics, "request_latency")),
        latency_percentiles=_percentiles(metrics),
        prompt_tokens=_shared(part(metrics, "prompt_token_count", "successful")),
        new_tokens=_shared(part(metrics, "output_token_count", "successful")),
        warnings=warnings,
    )


def _requests(benchmark: dict[Any, Any], which: str) -> int | None:
    found = (count(part(benchmark, *path, which)) for path in _TOTALS)
    return next((number for number in found if number is not None), None)


def _mean(metrics: dict[Any, Any], name: str) -> object:
    return part(metrics, name, "successful", "mean")


def _percentiles(metrics: dict[Any, Any]) -> dict[str, float]:
    found = {
        name: seconds(part(metrics, "request_latency", "successful", "percentiles", key))
        for key, name in _PERCENTILES.items()
    }
    return {name: took for name, took in found.items() if took is not None}


def _shared(lengths: object) -> int | None:
    """The length that all requests have, if they have one."""
    least, most = count(part(lengths, "min")), count(part(lengths, "max"))
    return least if least == most and least else None


def _model(report: dict[Any, Any], benchmark: dict[Any, Any]) -> str | None:
    own = words(part(benchmark, "config", "backend", "model"))
    named = (words(part(report, *path)) for path in _MODELS)
    return own or next((name for name in named if name), None)


def _concurrency(strategy: object) -> int | None:
    kind = part(strategy, "type_")
    if kind == "synchronous":
        return 1
    limit = part(strategy, "streams")
    if limit is None and kind in ("concurrent", "throughput"):
        limit = part(strategy, "max_concurrency")
    return count(limit) or None


def _conditions(
    report: dict[Any, Any], benchmark: dict[Any, Any], strategy: object
) -> dict[str, Condition]:
    kind, rate = part(strategy, "type_"), part(strategy, "rate")
    data = part(report, "config", "spec", "data")
    first = data[0] if isinstance(data, list) and data else {}
    backend = part(benchmark, "config", "backend")
    named: dict[str, object] = {
        "backend": part(backend, "kind"),
        "endpoint": part(backend, "request_format"),
        "dataset": part(first, "kind") or _described(report),
        "prompt tokens": part(first, "prompt_tokens"),
        "prompt tokens, deviation": part(first, "prompt_tokens_stdev"),
        "output tokens": part(first, "output_tokens"),
        "output tokens, deviation": part(first, "output_tokens_stdev"),
        "turns": part(first, "turns"),
        **_limits(part(benchmark, "config", "constraints")),
    }
    found = {name: if_set(value) for name, value in named.items()}
    return {
        **strategy_conditions(kind, rate),
        **{name: value for name, value in found.items() if value is not None},
    }


def _described(report: dict[Any, Any]) -> str | None:
    """The dataset as older versions write it: ``prompt_tokens=256,output_tokens=128``."""
    data = part(report, "args", "data")
    text = data[0] if isinstance(data, list) and data else data
    return text if isinstance(text, str) and "=" in text and "/" not in text else None


def _limits(constraints: object) -> dict[str, object]:
    """``requests, most`` and the like, by what ended the benchmark."""
    found: dict[str, object] = {}
    for name in ("max_requests", "max_duration", "max_seconds", "max_errors"):
        settings = part(constraints, name, "args") or part(constraints, name)
        limit = next(
            (part(settings, key) for key in _LIMITS if part(settings, key) is not None), settings
        )
        found[f"most {name.removeprefix('max_')}"] = limit
    return found


def _warnings(benchmark: dict[Any, Any]) -> list[str]:
    errored = _requests(benchmark, "errored")
    own = part(benchmark, "warnings")
    messages = [part(one, "message") for one in own] if isinstance(own, list) else []
    found = [one_line(f"GuideLLM: {text}") for text in messages if isinstance(text, str)]
    return [*([f"{errored} of its requests failed"] if errored else []), *found[:_MOST_WARNINGS]]
