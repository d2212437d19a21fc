"""Records for tests, small and made up: every number is given, or follows from one that is."""

from __future__ import annotations

import dataclasses
from typing import Any

from workshop.results import Result, Sample, with_samples
from workshop.stages import settings_of


def sample(speed: float = 100.0, new_tokens: int = 11, **fields: Any) -> Sample:
    """A sample that decodes with ``speed`` tokens per second."""
    return Sample(
        **{
            "ttft_seconds": 0.02,
            "decode_seconds": (new_tokens - 1) / speed,
            "tokens": list(range(new_tokens)),
            "text": "Hello, my name is Ada.",
            **fields,
        }
    )


def result(
    stage: str, *speeds: float, options: dict[str, Any] | None = None, **fields: Any
) -> Result:
    """A run of ``stage`` with a sample for each speed; ``options`` differ from the stage's own."""
    settings = dataclasses.replace(settings_of(stage), **(options or {}))
    run = Result(
        stage,
        "ok",
        **{
            "settings": settings,
            "model": "tiny",
            "device": "cpu",
            "prompt_tokens": 6,
            "batch_size": 1,
            "memory_gb": 0.02,
            "bandwidth_gb_per_second": 3.0,
        },
    )
    run = with_samples(run, [sample(speed) for speed in speeds])
    return dataclasses.replace(run, **fields)


def failed(stage: str | None, reason: str = "no C++ compiler was found") -> Result:
    """A run that left no number."""
    return Result(stage, "failed", reason=reason)
