"""How fast logs are read: MB/s of large ones, logs/s of small ones, and the memory that it takes.

    python benchmarks/reading.py

Large logs are mostly a model's text, as those of long generations are; the dense ones are ordinary
runs of five samples, one after the other. Everything is read from the page cache, best of three.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

from workshop.readers import read_logs
from workshop.results import (
    PREFIX,
    SAMPLE_PREFIX,
    SETTINGS_PREFIX,
    Result,
    Sample,
    to_json,
    with_samples,
)
from workshop.stages import settings_of

VOCABULARY = """
    the a time for of model memory tokens average batch prompt inference bandwidth achieved used
    while in bookshop my press broke Without it there was no work So went to Ali said mend pieces
"""
WORDS = VOCABULARY.split()
SAMPLES = 5


def text(bytes_wanted: int) -> str:
    """A model's text, with the words that the lines looked for are made of."""
    drawn = random.Random(0)
    line = 80
    return "\n".join(
        " ".join(drawn.choices(WORDS, k=14)) for _ in range(max(1, bytes_wanted // line))
    )


def gpt_fast_run(said: str) -> Iterator[str]:
    yield "Using device=cuda\nLoading model ...\nTime to load model: 12.71 seconds\n"
    yield "Compilation time: 45.80 seconds\n"
    for number in range(1, SAMPLES + 1):
        yield said
        yield f"\nTime for inference {number}: 5.41 sec total, 36.98 tokens/sec\n"
        yield "Bandwidth achieved: 498.11 GB/s\nFLOPS achieved: 0.50 TF/s\n\n"
    yield "==========\nBatch Size: 1\nPrompt Length: 6\nGenerated tokens: 200\n"
    yield "Average tokens/sec: 36.98\nMemory used: 13.62 GB\n"


def our_run(said: str) -> Iterator[str]:
    settings = settings_of("compile")
    sample = Sample(0.02, 2.0, list(range(200)), "Hello, my name is Ada. " * 30)
    result = with_samples(Result("compile", "ok", settings=settings), [sample] * SAMPLES)
    shown = "  | " + said.replace("\n", "\n  | ")
    yield f"Stage: compile\n{SETTINGS_PREFIX}{to_json(settings)}\n"
    for number in range(1, SAMPLES + 1):
        yield shown
        yield f"\nTime for inference {number}: 2.02 sec total, 99.50 tokens/sec\n"
        yield f"{SAMPLE_PREFIX}{to_json(sample)}\n"
    yield f"==========\n{PREFIX}{to_json(result)}\n"


def killed_run(said: str) -> Iterator[str]:
    """A run without a result: its last words are looked for."""
    yield f"Loading model ...\n{said}\n"
    yield "slurmstepd: error: *** JOB 7 ON sim03 CANCELLED DUE TO TIME LIMIT ***\n"


def best_of_three(read: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        read()
        times.append(time.perf_counter() - start)
    return min(times)


def large(path: Path, name: str, runs: Iterator[Iterator[str]], megabytes: int) -> None:
    with path.open("w") as file:
        for run in runs:
            file.writelines(run)
            if file.tell() >= megabytes * 1e6:
                break
    size = path.stat().st_size / 1e6
    seconds = best_of_three(lambda: read_logs([path]))
    tracemalloc.start()
    found = len(read_logs([path]))
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    print(f"{name:28} {size:6.0f} MB {size / seconds:7.0f} MB/s, {found} runs, peak {peak:.1f} MB")
    path.unlink()


def small(folder: Path, name: str, run: Callable[[str], Iterator[str]], count: int) -> None:
    folder.mkdir()
    log = "".join(run(text(2000)))
    for number in range(count):
        (folder / f"job-{number}.out").write_text(log)
    paths = sorted(folder.iterdir())
    start = time.perf_counter()
    read_logs(paths)
    seconds = time.perf_counter() - start
    print(
        f"{name:28} {count} of {len(log) / 1e3:.0f} kB in {seconds:.2f} s, {count / seconds:.0f}/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--logs", type=int, default=10_000)
    arguments = parser.parse_args()
    size = arguments.megabytes
    said, short = text(size * 1_000_000 // SAMPLES), text(1000)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        large(folder / "log", "ours, long text", iter([our_run(said)]), size)
        large(folder / "log", "gpt-fast, long text", iter([gpt_fast_run(said)]), size)
        large(folder / "log", "without a result", iter([killed_run(said * SAMPLES)]), size)
        large(folder / "log", "ours, ordinary runs", map(our_run, repeat(short)), size // 4)
        large(
            folder / "log", "gpt-fast, ordinary runs", map(gpt_fast_run, repeat(short)), size // 4
        )
        small(folder / "ours", "ours, small", our_run, arguments.logs)
        small(folder / "gpt-fast", "gpt-fast, small", gpt_fast_run, arguments.logs)
        small(folder / "killed", "without a result, small", killed_run, arguments.logs)


if __name__ == "__main__":
    main()
