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

from workshop.runner import machine
from workshop.util.errors import UsageError

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


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="here is an Apple GPU")
def test_an_apple_gpu_that_is_not_there_is_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"torch sees no Apple GPU here.*--device auto"):
        machine.pick_device("mps")


def test_reading_is_not_measured_over_more_than_2_gb() -> None:
    """A second copy of a 70B's size would not fit beside the model."""
    assert machine.bytes_to_read(140 * 10**9) == 2 * 10**9
    assert machine.bytes_to_read(8_000_000) == 8_000_000
    assert machine.bytes_to_read(0) == 10**6


def test_a_copy_counts_what_it_reads_and_what_it_writes() -> None:
    found = machine.copy_bandwidth(CPU, 8_000_000)
    assert 0.1 < found.gb_per_second < 10_000
    assert found.source == "measured: copy of 8 MB"


def test_the_precision_that_was_asked_for_is_used_where_the_device_has_it() -> None:
    assert machine.has_bfloat16(CPU)
    for dtype in ("bfloat16", "float16", "float32"):
        assert machine.usable_dtype(dtype, "A100", bf16=True) == (dtype, None)
    assert machine.usable_dtype("float32", "V100", bf16=False) == ("float32", None)


def test_without_bf16_a_run_is_in_fp16_and_says_so() -> None:
    dtype, said = machine.usable_dtype("bfloat16", "V100", bf16=False)
    assert dtype == "float16"
    assert said is not None
    assert said.startswith("V100 has no bfloat16: this run is in float16")


def test_a_cpu_has_no_gpu_memory_and_nothing_to_wait_for() -> None:
    machine.synchronise(CPU)
    machine.forget_peak(CPU)
    assert machine.peak_gpu_memory(CPU) is None


def test_the_processor_has_a_name() -> None:
    assert machine.device_name(CPU).strip()
    assert 1 <= machine.cores() <= (os.cpu_count() or 1)


def described(system: Path, core: int, *caches: tuple[int, str, str, str]) -> None:
    """A core as Linux tells of it: level, type, size and sharing cores of each of its caches."""
    for number, told in enumerate(caches):
        folder = system / f"cpu{core}" / "cache" / f"index{number}"
        folder.mkdir(parents=True)
        for name, value in zip(("level", "type", "size", "shared_cpu_list"), told, strict=True):
            (folder / name).write_text(f"{value}\n")


OWN = [(1, "Data", "32K", "own"), (1, "Instruction", "64K", "own"), (2, "Unified", "1024K", "own")]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux binds processes so")
@pytest.mark.parametrize(
    ("last", "bytes_of_all"),
    [
        # Four cores; of the last, this process may use all but core 3.
        (dict.fromkeys(range(4), (3, "Unified", "32768K", "0-3")), 32 << 20),
        ({core: (3, "Unified", "16384K", f"{core & 2}-3") for core in range(4)}, 32 << 20),
        ({3: (3, "Unified", "32768K", "0-3")}, None),  # not told of the others
        ({}, None),
    ],
    ids=["one cache", "two caches", "told of one core", "not told"],
)
def test_a_cache_that_cores_share_counts_once(
    last: dict[int, tuple[int, str, str, str]],
    bytes_of_all: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for core, cache in last.items():
        described(tmp_path, core, *OWN, cache)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    assert machine.cache_bytes(CPU, tmp_path) == bytes_of_all


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux binds processes so")
def test_without_a_third_level_the_second_is_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for core in range(2):
        described(tmp_path, core, *[(*cache[:3], str(core)) for cache in OWN])
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    assert machine.cache_bytes(CPU, tmp_path) == 2 << 20


def test_a_size_that_is_no_number_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described(tmp_path, 0, (3, "Unified", "much", "0"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    assert machine.cache_bytes(CPU, tmp_path) is None


def test_a_gpus_cache_is_not_told() -> None:
    assert machine.cache_bytes(torch.device("cuda")) is None
