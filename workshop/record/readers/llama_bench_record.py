"""A record of llama-bench, as its JSON and CSV have it, and what its tests count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from workshop.record.readers.llama_bench_settings import conditions_of, depth_conditions
from workshop.record.readers.units import count, number, numbers, positive, words
from workshop.record.results import Condition, Definition, Result

FORMAT = "llama-bench"

DECODE = Definition("new", "decode", "sequence")
PREFILL = Definition("prompt", "prefill", "sequence")
BOTH = Definition("prompt and new", "prefill and decode", "sequence")
NO_SPEED = "its tokens per second are not a number"

# Of an old record: what each switch stands for, the first that is on counts.
_BACKENDS = {
    "cuda": "CUDA",
    "opencl": "OpenCL",
    "vulkan": "Vulkan",
    "kompute": "Kompute",
    "metal": "Metal",
    "sycl": "SYCL",
    "gpu_blas": "GPU BLAS",
    "blas": "BLAS",
}
# ik_llama.cpp's -gp: decode after a prompt, whose own time is not counted.
AFTER_PROMPT = re.compile(r"tg ?(\d+) ?@ ?pp ?(\d+)", re.ASCII)

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
    depth = count(record.get("n_depth"))
    definition = definition_of(prompt or 0, new or 0)
    if AFTER_PROMPT.fullmatch(words(record.get("test")) or ""):
        depth, definition = (depth or 0) + (prompt or 0), DECODE
    speeds = numbers(record.get("samples_ts"))
    speed = positive(record["avg_ts"])
    # Of a single repetition it prints a deviation of 0, which is none.
    spread = number(record["stddev_ts"]) if speed is not None and len(speeds) != 1 else None
    backend = backend_of(record)
    device = _chip(record, backend) or backend
    settings = {**record, "backends": backend if backend != device else None}
    return Result(
        None,
        "ok" if speed is not None else "failed",
        reason=None if speed is not None else NO_SPEED,
        format=FORMAT,
        tokens_per_second=speed,
        tokens_per_second_std=spread,
        speeds=speeds if speed is not None else [],
        definition=definition,
        prompt_tokens=prompt,
        new_tokens=new,
        model=words(record.get("model_type")) or words(record["model_filename"]),
        model_bytes=count(record.get("model_size")),
        model_parameters=count(record.get("model_n_params")),
        device=device,
        threads=count(record.get("n_threads")),
        conditions=conditions_of(settings)
        | depth_conditions(depth)
        | _cpu(record, backend)
        | build_conditions(record.get("build_commit"), record.get("build_number")),
        warnings=depth_remark(depth),
    )


def backend_of(record: Mapping[str, Any]) -> str | None:
    """What a test ran on; older builds have a switch for each backend."""
    if (backend := words(record.get("backends"))) is not None:
        return backend
    switches = {key: str(record[key]).lower() for key in _BACKENDS if key in record}
    chosen = (name for key, name in _BACKENDS.items() if switches.get(key) in ("1", "true"))
    return next(chosen, "CPU") if switches else None


def build_conditions(commit: object, number: object) -> dict[str, Condition]:
    """The build of llama.cpp, as its table names it: ``fb644247d (7431)``; {} if not known."""
    name, numbered = words(commit), count(number)
    known = [name] if name and name != "unknown" else []
    known += [f"({numbered})" if known else str(numbered)] if numbered else []
    return {"build": " ".join(known)} if known else {}


def _cpu(record: Mapping[str, Any], backend: str | None) -> dict[str, Condition]:
    """The CPU beside the chip that the backend runs on."""
    name = None if _is_cpu(backend) else words(record.get("cpu_info"))
    return {"CPU": name} if name else {}


def _is_cpu(backend: str | None) -> bool:
    return backend is not None and backend.split(",")[0] in ("CPU", "BLAS")


def _chip(record: Mapping[str, Any], backend: str | None) -> str | None:
    """The chip that the backend runs on, as far as it is named."""
    return words(record.get("cpu_info" if _is_cpu(backend) else "gpu_info"))
