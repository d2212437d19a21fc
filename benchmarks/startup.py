"""How quick the prompt is: `workshop --help` against `python -c "import click"`, interleaved."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 30
HELP = [str(Path(sys.executable).with_name("workshop")), "--help"]
CLICK = [sys.executable, "-c", "import click"]


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    pairs = [(seconds(HELP), seconds(CLICK)) for _ in range(ROUNDS + 2)][2:]
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    ours, theirs = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    print(f"workshop --help {ours:.0f} ms, import click {theirs:.0f} ms")
    print(f"ratio: median {statistics.median(ratios):.2f}, {ratios[0]:.2f} to {ratios[-1]:.2f}")


if __name__ == "__main__":
    main()
