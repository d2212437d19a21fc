"""What all tests share."""

from __future__ import annotations

import hypothesis
from slurm import accounting_sandbox, sandbox

__all__ = ["accounting_sandbox", "sandbox"]  # fixtures

# On a busy machine a slow example is no fault of the code: time is for benchmarks/ to judge.
hypothesis.settings.register_profile(
    "workshop", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("workshop")
