"""How fast a checkpoint loads, against the file being read and thrown away.

    python benchmarks/loading.py [--shape 350m] [--rounds 5] [-o FILE]

In turns, with the file forgotten by the page cache (cold: the disk's speed) and in it (warm):
``cat file > /dev/null``, the engine's loader, and what would be obvious: mapping the file into
memory and copying every tensor.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from workshop.llm.shapes import SHAPES
from workshop.llm.weights import checkpoint
from workshop.runner import provenance


def forget(path: Path) -> None:
    """Have the system drop the file's pages, so that the next reader waits for the disk."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="350m", choices=SHAPES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured  [TMPDIR]")
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        checkpoint.save(checkpoint.random_model(SHAPES[options.shape], torch.bfloat16), folder)
        path = folder / checkpoint.WEIGHTS
        gb = path.stat().st_size / 1e9
        ways: dict[str, Callable[[], object]] = {
            "cat": lambda: subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True),
            "load": lambda: checkpoint.load(folder),
            "map and copy": lambda: [value.clone() for value in load_file(path).values()],
        }
        times: dict[tuple[str, str], list[float]] = {}
        for _ in range(options.rounds):
            for way, work in ways.items():
                forget(path)
                times.setdefault((way, "cold"), []).append(seconds(work))
                times.setdefault((way, "warm"), []).append(seconds(work))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{gb:.2f} GB, {options.rounds} rounds, load average {load}; GB/s: median, least to most")
    speeds = {
        f"{way}, {how}": spread([gb / value for value in found])
        for (way, how), found in times.items()
    }
    for name, one in speeds.items():
        print(f"{name:20}{one['median']:6.2f}  {one['min']:.2f} to {one['max']:.2f}")
    if options.output:
        report = {
            "gb": gb,
            "rounds": options.rounds,
            "versions": dataclasses.asdict(provenance.versions()),
            "gb_per_second": speeds,
        }
        options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


if __name__ == "__main__":
    main()
