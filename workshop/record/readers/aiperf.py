"""AIPerf's ``profile_export_aiperf.json`` and ``profile_export_genai_perf.json`` of its ancestor.

Both count the tokens of the text that came back with a tokenizer of their own. What the server
says of its tokens may be in the file beside it, and may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workshop.record.readers.serving_block import NO_REQUEST, SERVED
from workshop.record.readers.settings_values import LONGEST_VALUE, if_set
from workshop.record.readers.source_settings import RATE, plain_name
from workshop.record.readers.units import capped, count, number, part, positive, seconds, words
from workshop.record.results import Condition, Result

NAME = "aiperf"

OWN_TOKENIZER = "it counted the tokens of the text with its own tokenizer, not what the server made"

_PERCENTILES = {"p50": "50", "p90": "90", "p95": "95", "p99": "99"}
_MOST_CONDITIONS = 80
_DEEPEST = 6
# Parts of the configuration that say what was sent, in the order of versions.
_SECTIONS = ("endpoint", "datasets", "phases", "loadgen", "input", "perf_analyzer")
# Of the server, of files, and of no influence; and what fields of a result hold.
_NO_SETTINGS = {
    "url", "urls", "headers", "api_key", "name", "model", "models", "model_names", "file", "path",
    "dir", "random_seed", "seed", "verbose", "tokenizer", "concurrency", "rate", "request_rate",
    "goodput", "server_metrics_url", "server_metrics_urls", "kind",
}  # fmt: skip


def results(document: Any, file_name: str) -> list[Result]:
    """The run in a parsed file; files of several runs, one a line, are read as well."""
    records = document if isinstance(document, list) else [document]
    return capped(_run(record) for record in records if _is_export(record))


def _is_export(record: object) -> bool:
    if not isinstance(part(record, "input_config"), dict):
        return False
    if isinstance(part(record, "output_token_throughput"), dict):
        return True
    # Without any tokens: all requests failed.
    return part(record, "aiperf_version") is not None and not _average(record, "request_count")


def _run(record: dict[Any, Any]) -> Result:
    config = record["input_config"]
    aiperf = "aiperf_version" in record or "schema_version" in record
    speed = positive(_average(record, "output_token_throughput"))
    plain = Result(
        None,
        "failed",
        reason=NO_REQUEST,
        format=NAME if aiperf else "genai-perf",
        definition=SERVED,
        model=_model(config),
        concurrency=_concurrency(config),
        conditions=_conditions(config),
    )
    if speed is None and not _average(record, "request_count"):
        return plain
    run = replace(
        plain,
        status="ok" if speed is not None else "incomplete",
        reason=None if speed is not None else "there is no output token throughput",
        tokens_per_second=speed,
        ttft_seconds=_time(record, "time_to_first_token"),
        tpot_seconds=_time(record, "inter_token_latency"),
        latency_seconds=_time(record, "request_latency"),
        latency_percentiles=_percentiles(record),
        prompt_tokens=_shared(part(record, "input_sequence_length")),
        new_tokens=_shared(part(record, "usage_completion_tokens")),
        warnings=list(_warnings(record)),
    )
    if record.get("was_cancelled") is True:
        return replace(run, status="incomplete", reason="the run was cancelled")
    return run


def _average(record: object, name: str) -> object:
    return part(record, name, "avg")


def _time(record: dict[Any, Any], name: str, which: str = "avg") -> float | None:
    return seconds(part(record, name, which), part(record, name, "unit"))


def _percentiles(record: dict[Any, Any]) -> dict[str, float]:
    found = {name: _time(record, "request_latency", key) for key, name in _PERCENTILES.items()}
    return {name: took for name, took in found.items() if took is not None}


def _shared(lengths: object) -> int | None:
    """The length that all requests have, if they have one."""
    least, most = count(part(lengths, "min")), count(part(lengths, "max"))
    return least if least == most and least else None


def _warnings(record: dict[Any, Any]) -> Iterator[str]:
    counted = number(_average(record, "output_sequence_length"))
    made = number(_average(record, "usage_completion_tokens"))
    if made is None:
        yield OWN_TOKENIZER
    elif counted is not None and f"{counted:.4g}" != f"{made:.4g}":
        yield (
            f"it counted {counted:.4g} output tokens a request where the server says {made:.4g}: "
            "tokens/s by its own tokenizer"
        )
    if failed := count(_average(record, "error_request_count")):
        yield f"{failed} of its requests failed"


def _model(config: object) -> str | None:
    items = part(config, "models", "items")
    names = [
        part(items[0], "name") if isinstance(items, list) and items else None,
        _first(part(config, "endpoint", "model_names")),
        _first(part(config, "model_names")),
    ]
    return next((name for one in names if (name := words(one))), None)


def _first(names: object) -> object:
    return names[0] if isinstance(names, list) and names else names


def _load(config: object) -> Iterator[object]:
    """Where versions say how many requests there were at a time, or at which rate."""
    phases = part(config, "phases")
    for phase in reversed(phases if isinstance(phases, list) else []):
        if part(phase, "kind") in (None, "profiling"):
            yield phase
    yield part(config, "loadgen")
    yield part(config, "perf_analyzer", "stimulus")
    yield part(config, "perf_analyzer")


def _concurrency(config: object) -> int | None:
    found = (count(part(load, "concurrency")) for load in _load(config))
    return next((value for value in found if value), None)


def _conditions(config: dict[Any, Any]) -> dict[str, Condition]:
    rates = (
        positive(part(load, key)) for load in _load(config) for key in ("rate", "request_rate")
    )
    rate = next((value for value in rates if value), None)
    found = {} if rate is None else {RATE: if_set(rate)}
    for section in _SECTIONS:
        for path, value in _settings(config.get(section), plain_name(section), _DEEPEST):
            if len(found) < _MOST_CONDITIONS and len(path) <= LONGEST_VALUE:
                found.setdefault(path, if_set(value))
    return {name: value for name, value in found.items() if value is not None}


def _settings(node: object, path: str, deeper: int) -> Iterator[tuple[str, object]]:
    """Plain values in nested settings, by the words on the way to them."""
    if isinstance(node, dict) and deeper:
        for key, value in node.items():
            if isinstance(key, str) and key not in _NO_SETTINGS:
                yield from _settings(value, f"{path} {plain_name(key)}", deeper - 1)
    elif isinstance(node, list) and deeper:
        for value in node[:1] if path == "dataset" else node[-1:]:
            yield from _settings(value, path, deeper - 1)
    elif not isinstance(node, dict | list) and not (isinstance(node, str) and "://" in node):
        yield path, node
