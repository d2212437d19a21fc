"""A record of llama-bench, as its JSON and CSV have it, and what its tests count."""

from __future__ import annotations

from typing import Any

from workshop.record.readers.units import count, number, numbers, positive, words
from workshop.record.results import Definition, Result

FORMAT = "llama-bench"

DECODE = Definition("new", "decode", "sequence")
PREFILL = Definition("prompt", "prefill", "sequence")
BOTH = Definition("prompt and new", "prefill and decode", "sequence")
NO_SPEED = "its tokens per second are not a number"

FIELDS = {"model_filename", "n_prompt", "n_gen", "avg_ts", "stddev_ts"}


def definition_of(prompt: int, new: int) -> Definition | None:
    """What the tokens/s of a test count; None of a test without tokens."""
    if prompt and new:
        return BOTH
    if prompt:
        return PREFILL
    return DECODE if new else None


def depth_remark(depth: int | None) -> list[str]:
    """What to know of a test that did not start from nothing."""
    return [f"measured with {depth} tokens in the KV cache before"] if depth else []


def run_of(record: Any) -> Result | None:
    """The run of a record, whose values may all be texts; None if it is no such record."""
    if not isinstance(record, dict) or not record.keys() >= FIELDS:
        return None
    prompt, new = count(record["n_prompt"]), count(record["n_gen"])
    speeds = numbers(record.get("samples_ts"))
    speed = positive(record["avg_ts"])
    # Of a single repetition it prints a deviation of 0, which is none.
    spread = number(record["stddev_ts"]) if speed is not None and len(speeds) != 1 else None
    return Result(
        None,
        "ok" if speed is not None else "failed",
        reason=None if speed is not None else NO_SPEED,
        format=FORMAT,
        tokens_per_second=speed,
        tokens_per_second_std=spread,
        speeds=speeds if speed is not None else [],
        definition=definition_of(prompt or 0, new or 0),
        prompt_tokens=prompt,
        new_tokens=new,
        model=words(record.get("model_type")) or words(record["model_filename"]),
        model_bytes=count(record.get("model_size")),
        model_parameters=count(record.get("model_n_params")),
        device=_device(record),
        threads=count(record.get("n_threads")),
        warnings=depth_remark(count(record.get("n_depth"))),
    )


def _device(record: dict[Any, Any]) -> str | None:
    """The chip that the backend runs on, as far as it is named."""
    backend = words(record.get("backends"))
    chip = words(record.get("cpu_info" if backend == "CPU" else "gpu_info"))
    return chip or backend
