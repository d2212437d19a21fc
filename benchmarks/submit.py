"""What `workshop submit` costs on top of sbatch, and `status` on top of squeue, interleaved.

Needs a Slurm: `workshop sandbox shell`, then `python benchmarks/submit.py`. Jobs are held, so that
nothing else runs meanwhile, and cancelled in the end.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15
WORKSHOP = [sys.executable, "-m", "workshop"]


def seconds(command: list[str], place: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=place)
    return time.perf_counter() - start


def compare(ours: list[str], theirs: list[str], place: Path) -> None:
    pairs = [(seconds(ours, place), seconds(theirs, place)) for _ in range(ROUNDS + 1)][1:]
    more = sorted((a - b) * 1e3 for a, b in pairs)
    a, b = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    print(f"{' '.join(ours[2:4])}: {a:.0f} ms, {theirs[0]}: {b:.0f} ms, more by "
          f"{statistics.median(more):.0f} ms ({more[0]:.0f} to {more[-1]:.0f})")  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        # The same script for both. A job that begins next year does not run.
        later = ["--dependency", "singleton"]
        subprocess.run([*WORKSHOP, "render", "compile", *later], check=True, cwd=place)
        compare([*WORKSHOP, "submit", "compile", *later], ["sbatch", "compile.slurm"], place)
        compare([*WORKSHOP, "status", "--json"], ["squeue", "--me"], place)
        subprocess.run([*WORKSHOP, "cancel", "--all", "--yes"], check=True, cwd=place)


if __name__ == "__main__":
    main()
