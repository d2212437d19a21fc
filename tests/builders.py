"""Records and logs for tests: every number is given, or follows from one that is."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

from workshop.record.readers.ours import bounded_lines, results_in
from workshop.record.results import (
    PREFIX,
    SAMPLE_PREFIX,
    SETTINGS_PREFIX,
    Result,
    Sample,
    to_json,
    with_samples,
)
from workshop.stages import settings_of

START = ["Stage: compile", "Changes against baseline: compile", "Using device=cpu"]
WORDS = ["Time for inference 1: 0.83 sec total, 241.00 tokens/sec", "Memory used: 0.02 GB"]


def sample(speed: float = 100.0, new_tokens: int = 11, **fields: Any) -> Sample:
    """A sample that decodes with ``speed`` tokens per second."""
    plain = Sample(
        ttft_seconds=0.02,
        decode_seconds=(new_tokens - 1) / speed,
        tokens=list(range(new_tokens)),
        text="Hello, my name is Ada.",
    )
    return dataclasses.replace(plain, **fields)


def result(
    stage: str, *speeds: float, options: dict[str, Any] | None = None, **fields: Any
) -> Result:
    """A run of ``stage`` with a sample for each speed; ``options`` differ from the stage's own."""
    run = Result(
        stage,
        "ok",
        settings=dataclasses.replace(settings_of(stage), **(options or {})),
        model="tiny",
        device="cpu",
        prompt_tokens=6,
        batch_size=1,
        memory_gb=0.02,
        bandwidth_gb_per_second=3.0,
    )
    run = with_samples(run, [sample(speed) for speed in speeds])
    return dataclasses.replace(run, **fields)


def failed(stage: str | None, reason: str = "no C++ compiler was found") -> Result:
    """A run that left no number."""
    return Result(stage, "failed", reason=reason)


def settings_line(stage: str = "compile") -> str:
    return SETTINGS_PREFIX + to_json(settings_of(stage))


def sample_line(one: Sample) -> str:
    return SAMPLE_PREFIX + to_json(one)


def record_line(record: Result) -> str:
    return PREFIX + to_json(record)


def results_of(content: bytes, name: str = "some.log") -> list[Result]:
    """What is read from a log of these bytes."""
    return results_in(bounded_lines(io.BytesIO(content)), name)


def only(*lines: str, name: str = "some.log") -> Result:
    """The one result of a log of these lines."""
    (found,) = results_of("".join(f"{line}\n" for line in lines).encode(), name)
    return found
