"""Facts about the machine: measured, or not told at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from workshop import machine
from workshop.stages import UsageError

CPU = torch.device("cpu")


def test_bandwidth_is_measured_at_the_size_asked_for_and_says_how() -> None:
    found = machine.read_bandwidth(CPU, 8_000_000)
    assert 0.1 < found.gb_per_second < 10_000
    assert found.source == f"measured: sum over 8 MB, {torch.get_num_threads()} threads"


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    spin = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(spin) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


@pytest.mark.skipif(not Path("/proc/loadavg").exists(), reason="only Linux tells the load so")
def test_others_on_the_processors_are_noticed() -> None:
    with busy_processes(3 * (os.cpu_count() or 1)):
        warned = [machine.busy_warning() for _ in range(20)]
    said = next(sentence for sentence in warned if sentence)
    assert "running on this machine's" in said
    assert machine.busy_warning(own=10_000) is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
def test_a_gpu_that_is_not_there_is_refused_with_what_to_do() -> None:
    assert machine.pick_device("auto") == CPU
    with pytest.raises(UsageError, match=r"torch sees no GPU here.*--device cpu"):
        machine.pick_device("cuda")
