"""Facts about the machine at hand: asked of it or measured on it, never guessed."""

from __future__ import annotations

import os
import platform
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from workshop.stages import UsageError

GB = 1e9


@dataclass(frozen=True)
class Bandwidth:
    """How fast memory can be read: GB/s, and how that is known."""

    gb_per_second: float
    source: str


def pick_device(wanted: str, local_rank: int = 0) -> torch.device:
    """The device to run on; ``auto`` takes a GPU where there is one.

    Raises:
        UsageError: a GPU was asked for and torch sees none.
    """
    has_gpu = torch.cuda.is_available()
    if wanted == "cuda" and not has_gpu:
        raise UsageError(
            "torch sees no GPU here: ask Slurm for one, check that torch was built for it "
            "(python -c 'import torch; print(torch.version.cuda)'), or use --device cpu"
        )
    if wanted == "cpu" or not has_gpu:
        return torch.device("cpu")
    return torch.device("cuda", local_rank % torch.cuda.device_count())


def device_name(device: torch.device) -> str:
    """The device's model, as its driver or /proc/cpuinfo gives it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def synchronise(device: torch.device) -> None:
    """Wait for the device: a GPU's calls return before their work is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def read_bandwidth(device: torch.device, size: int) -> Bandwidth:
    """Measured speed of reading ``size`` bytes (at least 1 MB), by summing them: best of 20.

    On a CPU the size matters: what fits a cache is read several times faster than main memory, so
    the ceiling for a model is the one measured at the model's size.
    """
    data = torch.ones(max(size, 10**6) // 4, device=device)
    best = float("inf")
    for _ in range(20):
        synchronise(device)
        start = time.perf_counter()
        data.sum()
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    read = data.numel() * 4
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    return Bandwidth(read / best / GB, f"measured: sum over {read / 1e6:.3g} MB{threads}")


def peak_rss_gb() -> float:
    """Most memory that this process ever had, Python and libraries included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GB


def busy_warning(own: int = 1) -> str | None:
    """A sentence if others use these processors, which ruins timings; None if they are free.

    The load average looks back a minute and would count the stage before: what counts is who runs
    right now, the fewest of a few looks, less ``own`` processes of this job.
    """
    try:
        looks = []
        for _ in range(5):
            fields = Path("/proc/loadavg").read_text().split()
            looks.append(int(fields[3].partition("/")[0]))
            time.sleep(0.02)
    except (OSError, ValueError, IndexError):
        return None
    others = min(looks) - own
    if others < 1:
        return None
    return (
        f"{others} other process{'es' if others > 1 else ''} running on this machine's "
        f"{os.cpu_count()} processors: timings will be too slow and uneven; "
        "run again when it is idle"
    )
