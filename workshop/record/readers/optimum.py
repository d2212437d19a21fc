"""optimum-benchmark's ``benchmark_report.json``, and ``benchmark.json``, which has its settings."""

from __future__ import annotations

from typing import Any

from workshop.record.readers.settings_values import as_stated
from workshop.record.readers.units import capped, count, gigabytes, part, positive, seconds, words
from workshop.record.results import Condition, Definition, Result

NAME = "optimum-benchmark"

DECODE_OF_BATCH = Definition("new", "decode", "batch")

# Best first: the allocator's peak, as our own records have it on a GPU; then what the system says.
_MEMORIES = {
    "max_allocated": "peak of the allocator",
    "max_process_vram": "peak of the process on its GPUs",
    "max_ram": "peak of the process in main memory",
}
_PHASES = ("prefill", "decode", "generate")
# Of the settings: what a field of the record holds, what is no setting, and what names a machine.
_NO_SETTINGS = {
    "_target_",
    "batch_size",
    "device",
    "device_ids",
    "max_new_tokens",
    "min_new_tokens",
    "model",
    "processor",
    "seed",
    "sequence_length",
    "torch_dtype",
}
_NO_LENGTH = _NO_SETTINGS - {"max_new_tokens", "min_new_tokens"}
_MOST = 60  # settings; it has some forty
_DEEPEST = 3  # levels of settings


def results(document: Any, file_name: str) -> list[Result]:
    """The runs in a parsed file: one, or one a line."""
    records = document if isinstance(document, list) else [document]
    found = (_run(record) for record in records if isinstance(record, dict))
    return capped(run for run in found if run)


def _run(record: dict[Any, Any]) -> Result | None:
    whole = isinstance(record.get("report"), dict) and isinstance(record.get("config"), dict)
    report = record["report"] if whole else record
    if not any(_is_phase(report.get(phase)) for phase in _PHASES):
        return None
    config = record["config"] if whole else {}
    speed = _speed(part(report, "decode", "throughput"))
    memory, kind = _memory(report)
    return Result(
        None,
        "ok" if speed is not None else "incomplete",
        reason=None if speed is not None else "the report has no throughput of decode",
        format=NAME,
        tokens_per_second=speed,
        ttft_seconds=_mean(part(report, "prefill", "latency")),
        tpot_seconds=_mean(part(report, "per_token", "latency")),
        load_seconds=_mean(part(report, "load_model", "latency"))
        or _mean(part(report, "load", "latency")),
        definition=DECODE_OF_BATCH,
        memory_gb=memory,
        memory_kind=kind,
        peak_rss_gb=_peak(report, "max_ram"),
        batch_size=count(_scenario(config, "input_shapes", "batch_size")),
        prompt_tokens=count(_scenario(config, "input_shapes", "sequence_length")),
        new_tokens=_new_tokens(config),
        model=words(part(config, "backend", "model")),
        dtype=words(part(config, "backend", "torch_dtype")),
        device=words(part(config, "backend", "device")),
        conditions=_conditions(config, _NO_SETTINGS if _new_tokens(config) else _NO_LENGTH),
    )


def _is_phase(phase: object) -> bool:
    """Whether this is a part of a report: a measurement that says in which unit it is."""
    measurements = (part(phase, name, "unit") for name in ("latency", "throughput", "memory"))
    return any(isinstance(unit, str) for unit in measurements)


def _mean(latency: object) -> float | None:
    return seconds(part(latency, "mean"), part(latency, "unit"))


def _speed(throughput: object) -> float | None:
    unit = part(throughput, "unit")
    return positive(part(throughput, "value")) if unit == "tokens/s" else None


def _memory(report: dict[Any, Any]) -> tuple[float | None, str | None]:
    """The peak of all phases, by the best counter that there is, and what that counts."""
    for name, kind in _MEMORIES.items():
        if (peak := _peak(report, name)) is not None:
            return peak, kind
    return None, None


def _peak(report: dict[Any, Any], name: str) -> float | None:
    memories = (part(report, phase, "memory") for phase in _PHASES)
    peaks = [gigabytes(part(memory, name), part(memory, "unit")) for memory in memories]
    return max((peak for peak in peaks if peak is not None), default=None)


def _scenario(config: dict[Any, Any], *path: str) -> Any:
    """A setting of what was measured; older versions call that part the benchmark."""
    found = part(config, "scenario", *path)
    return part(config, "benchmark", *path) if found is None else found


def _new_tokens(config: dict[Any, Any]) -> int | None:
    """How many were made, where as many had to be made as could be made."""
    most = count(_scenario(config, "generate_kwargs", "max_new_tokens"))
    fewest = count(_scenario(config, "generate_kwargs", "min_new_tokens"))
    return most if most == fewest else None


def _conditions(config: dict[Any, Any], left_out: set[str]) -> dict[str, Condition]:
    """The settings of the backend, of what is measured and of the launcher, by their own names."""
    found: dict[str, Condition] = {}
    for name in ("backend", "scenario", "benchmark", "launcher"):
        _add_settings(found, name, config.get(name), left_out, _DEEPEST)
    return found


def _add_settings(
    found: dict[str, Condition], name: str, value: object, left_out: set[str], deeper: int
) -> None:
    if isinstance(value, dict) and deeper:
        for key, inner in value.items():
            if key not in left_out:
                _add_settings(found, f"{name} {key}", inner, left_out, deeper - 1)
    elif not isinstance(value, dict) and len(found) < _MOST:
        label, setting = words(name.replace("_", " ")), as_stated(value)
        if label is not None and setting is not None:
            found[label] = setting
