"""Facts about the machine at hand: asked of it or measured on it, never guessed."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from workshop.stages.settings import DType
from workshop.util.errors import UsageError

GB = 1e9
PROCESSORS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Bandwidth:
    """How fast memory can be read: GB/s, and how that is known."""

    gb_per_second: float
    source: str


def pick_device(wanted: str, local_rank: int = 0) -> torch.device:
    """The device to run on; ``auto`` takes a GPU where there is one: NVIDIA's or AMD's.

    torch built for ROCm calls AMD's GPUs ``cuda`` too. Apple's is taken by name only: torch
    compiles little for it.

    Raises:
        UsageError: a GPU was asked for and torch sees none.
    """
    has_gpu = torch.cuda.is_available()
    if wanted == "cuda" and not has_gpu:
        raise UsageError(
            "torch sees no GPU here: ask Slurm for one, check that torch was built for it "
            "(python -c 'import torch; print(torch.version.cuda, torch.version.hip)'), "
            "or use --device cpu"
        )
    if wanted == "mps":
        if not torch.backends.mps.is_available():
            raise UsageError(
                "torch sees no Apple GPU here: --device mps is for Macs with Apple silicon; "
                "use --device auto, which takes what there is"
            )
        return torch.device("mps")
    if wanted == "cpu" or not has_gpu:
        return torch.device("cpu")
    return torch.device("cuda", local_rank % torch.cuda.device_count())


def device_name(device: torch.device) -> str:
    """The device's model, as its driver or the system gives it."""
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        # A ROCm without its table of products gives no name, but an architecture: 'gfx90a'.
        return gpu.name.strip() or getattr(gpu, "gcnArchName", "GPU")
    name = processor_name()
    return f"GPU of {name}" if device.type == "mps" else name


def processor_name() -> str:
    """The CPU's model, from /proc/cpuinfo, macOS's sysctl or, failing both, its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = apple_chip()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def apple_chip() -> list[str]:
    command = ["sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [f"model name: {done.stdout.strip()}"]


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS, which binds no process to processors


def cache_bytes(device: torch.device, system: Path = PROCESSORS) -> int | None:
    """Bytes of the last-level caches of the cores that this process may use.

    Cores that share a cache count it once. None on a GPU, and where the system does not tell.

    Args:
        system: where Linux describes its processors: cpuN/cache/indexM/level, size and so on, see
            Documentation/ABI/testing/sysfs-devices-system-cpu of its sources.
    """
    if device.type != "cpu" or not hasattr(os, "sched_getaffinity"):
        return None
    found: dict[str, int] = {}
    for core in os.sched_getaffinity(0):
        try:
            shared_by, size = last_level_cache(system / f"cpu{core}" / "cache")
        except (OSError, ValueError):
            return None
        found[shared_by] = size
    return sum(found.values()) or None


def last_level_cache(folder: Path) -> tuple[str, int]:
    """The cores that share a core's last cache, and its bytes; raises OSError, ValueError."""
    caches = [
        (
            int(content(index, "level")),
            content(index, "shared_cpu_list"),
            kib(content(index, "size")),
        )
        for index in folder.glob("index*")
        if content(index, "type") != "Instruction"
    ]
    _, shared_by, size = max(caches)  # of none there are: ValueError
    return shared_by, size


def content(folder: Path, name: str) -> str:
    """The text of a file in a folder; raises OSError."""
    return (folder / name).read_text(encoding="utf-8").strip()


def kib(text: str) -> int:
    """Bytes of '32768K', as Linux gives every cache's size."""
    return int(text.removesuffix("K")) * 1024


def synchronise(device: torch.device) -> None:
    """Wait for the device: a GPU's calls return before their work is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bf16 itself; asked of torch, not guessed from a name."""
    if device.type == "cuda":
        # Without the emulation that torch offers: it is slower than fp16.
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "mps":
        try:
            torch.ones(1, dtype=torch.bfloat16, device=device)
        except (TypeError, RuntimeError):  # macOS 13 and earlier
            return False
    return True


def usable_dtype(wanted: DType, device: str, bf16: bool) -> tuple[DType, str | None]:
    """The precision to run in, and a sentence where it is not the one that was wanted.

    ``device`` is its name, ``bf16`` whether it has that.
    """
    if wanted != "bfloat16" or bf16:
        return wanted, None
    return "float16", (
        f"{device} has no bfloat16: this run is in float16, whose largest number is "
        "65504 (--dtype float32 is safe where a model overflows)"
    )


def read_bandwidth(device: torch.device, size: int) -> Bandwidth:
    """Measured speed of reading about ``size`` bytes, by summing them: best of 20.

    On a CPU the size matters: what fits a cache is read several times faster than main memory, so
    the ceiling for a model is the one measured at the model's size.
    """
    data = torch.ones(bytes_to_read(size) // 4, device=device)
    read = data.numel() * 4
    seconds = fastest(data.sum, device, read)
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    return Bandwidth(read / seconds / GB, f"measured: sum over {read / 1e6:.0f} MB{threads}")


def bytes_to_read(size: int) -> int:
    """``size``, from 1 MB to 2 GB: no cache holds 2 GB, and no GPU holds a second 70B."""
    return min(max(size, 10**6), 2 * 10**9)


def copy_bandwidth(device: torch.device, size: int = 10**9) -> Bandwidth:
    """Measured speed of copying ``size`` bytes, read and write both counted: best of 20.

    What a GPU's memory is held against: its peak on paper is never reached.
    """
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    moved = 2 * source.numel() * 4
    seconds = fastest(lambda: target.copy_(source), device, moved)
    return Bandwidth(moved / seconds / GB, f"measured: copy of {size / 1e6:.0f} MB")


def fastest(work: Callable[[], object], device: torch.device, moved: int) -> float:
    """Seconds of one call, best of 20 trials.

    On a GPU a trial is as many calls as move 1 GB: one that is over in microseconds would be
    timed with the call and the wait.
    """
    calls = 1 if device.type == "cpu" else max(1, 10**9 // moved)
    best = float("inf")
    for _ in range(20):
        synchronise(device)
        start = time.perf_counter()
        for _ in range(calls):
            work()
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return best / calls


def forget_peak(device: torch.device) -> None:
    """From here on the peak counts anew: without what loading and compiling took and gave back."""
    if device.type == "cuda":
        torch.cuda.empty_cache()  # else the allocator's store of freed blocks would count
        torch.cuda.reset_peak_memory_stats(device)


def peak_gpu_memory(device: torch.device) -> tuple[int, str] | None:
    """Most bytes that this process had of its GPU, and what is counted; None on a CPU.

    Of torch's two counts it is ``reserved``, not ``allocated``: what nobody else can have. What a
    CUDA graph computes on the way lies in a pool that counts as reserved alone. Apple's driver
    tells what it has given, but no peak.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device), "peak reserved on the GPU"
    if device.type == "mps":
        return torch.mps.driver_allocated_memory(), "given by the GPU's driver, after the samples"
    return None


def peak_rss_gb() -> float:
    """Most memory that this process ever had, Python and libraries included."""
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts it in KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GB


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
