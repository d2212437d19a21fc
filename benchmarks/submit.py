"""What `workshop submit` costs on top of sbatch, and `status` on top of squeue, in turns.

Needs a Slurm: `workshop sandbox shell`, then

    python benchmarks/submit.py [--against COMMIT]

Beside them stand what they cannot do without: Python's start, and the libraries that submitting
uses. ``--against`` times an earlier commit of this repository in the same turns. The jobs wait for
one that is held, so that nothing runs meanwhile, and are cancelled in the end.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROUNDS = 15
HERE = Path(__file__).resolve().parent.parent
WORKSHOP = (sys.executable, "-m", "workshop")
LIBRARIES = "import click, jinja2, submitit"
HELD = ("sbatch", "--parsable", "--hold", "--output=/dev/null", "--wrap=true")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--against", metavar="COMMIT", help="an earlier commit, timed as well")
    against = parser.parse_args().against
    with tempfile.TemporaryDirectory() as folder, checkout(against) as earlier:
        place = Path(folder)
        held = subprocess.run(HELD, check=True, capture_output=True, text=True).stdout.strip()
        behind = ["--dependency", f"afterok:{held}"]
        subprocess.run([*WORKSHOP, "render", "compile", *behind], check=True, cwd=place)
        commands: dict[str, tuple[list[str], Path]] = {
            "sbatch": (["sbatch", "compile.slurm"], HERE),
            "Python": ([sys.executable, "-c", "pass"], HERE),
            f"Python and {LIBRARIES!r}": ([sys.executable, "-c", LIBRARIES], HERE),
            "workshop submit": ([*WORKSHOP, "submit", "compile", *behind], HERE),
            "squeue": (["squeue", "--me"], HERE),
            "workshop status": ([*WORKSHOP, "status", "--json"], HERE),
        }
        if earlier is not None:
            old = ([*WORKSHOP, "submit", "compile", *behind], earlier)
            commands[f"workshop submit of {against}"] = old
        try:
            show(in_turns(commands, place))
        finally:
            subprocess.run(["scancel", "--me"], check=False)


@contextmanager
def checkout(commit: str | None) -> Iterator[Path | None]:
    """The repository as it was at ``commit``, in a folder of its own."""
    if commit is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        clone = ["git", "clone", "--quiet", "--no-checkout", str(HERE), folder]
        subprocess.run(clone, check=True)
        subprocess.run(["git", "-C", folder, "checkout", "--quiet", commit], check=True)
        yield Path(folder)


def in_turns(commands: Mapping[str, tuple[list[str], Path]], place: Path) -> dict[str, list[float]]:
    """Milliseconds of each command, round by round; the first round is not counted."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS + 1):
        for name, (command, source) in commands.items():
            found[name].append(milliseconds(command, source, place))
    return {name: times[1:] for name, times in found.items()}


def milliseconds(command: list[str], source: Path, place: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=place, env=environment)
    return (time.perf_counter() - start) * 1e3


def show(found: Mapping[str, list[float]]) -> None:
    for name, times in found.items():
        print(
            f"{name}: {statistics.median(times):.0f} ms "
            f"({min(times):.0f} to {max(times):.0f}, {len(times)} rounds)"
        )


if __name__ == "__main__":
    main()
