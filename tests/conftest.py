"""What all tests share."""

from __future__ import annotations

import os

# Before anything imports Triton: its kernels run in Python here, without a GPU.
os.environ["TRITON_INTERPRET"] = "1"
# Before anything imports torch: tests run side by side, and a thread that waits for work by turning
# round takes the processor from others who have some.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


import hypothesis
import pytest
from patience import HANG
from slurm import accounting_sandbox, sandbox

from workshop.judge import isolation
from workshop.slurm.sandbox import cgroups, daemons, place, processes

__all__ = ["accounting_sandbox", "sandbox"]  # fixtures

# Limits of ours that a busy machine may come to where nothing hangs.
isolation.LONGEST_TRIAL = HANG
daemons.LONGEST_START_SECONDS = daemons.LONGEST_COMMAND_SECONDS = HANG
processes.LONGEST_STOP_SECONDS = HANG
place.LONGEST_REMOVAL_SECONDS = cgroups.LONGEST_REMOVAL_SECONDS = HANG

# On a busy machine a slow example is no fault of the code: time is for benchmarks/ to judge.
hypothesis.settings.register_profile(
    "workshop", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("workshop")


# Files that take long start first: begun last, one process would work through them alone.
LONGEST = (
    "test_demo.py",
    "test_follow.py",
    "test_submit.py",
    "test_llm_compile.py",
    "test_exercises.py",
    "test_launch.py",
    "test_llm_parallel.py",
    "test_queue_real.py",
    "test_cli.py",
    "test_grading_class.py",
    "test_sandbox.py",
    "test_llm_linear.py",
    "test_profile.py",
    "test_doctor.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else 99)
