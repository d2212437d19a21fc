"""How fast logs are read: MB/s of large ones, logs/s of small ones, and the memory that it takes.

    python benchmarks/reading.py [-o FILE]

Large logs are mostly a model's text, as those of long generations are; the dense ones are ordinary
runs of five samples, one after the other, with other numbers in each. Everything is read from the
page cache, best of three; what counts is the time of the processor, since others may use it too.

    python benchmarks/reading.py --against DIR

also reads them with the readers of another checkout, in turns, which a noisy machine asks for.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

from workshop.record.results import (
    PREFIX,
    SAMPLE_PREFIX,
    SETTINGS_PREFIX,
    Result,
    Sample,
    to_json,
    with_samples,
)
from workshop.runner import provenance
from workshop.stages import settings_of

VOCABULARY = """
    the a time for of model memory tokens average batch prompt inference bandwidth achieved used
    while in bookshop my press broke Without it there was no work So went to Ali said mend pieces
"""
WORDS = VOCABULARY.split()
SAMPLES = 5
TURNS = 2
Run = Callable[[str, random.Random], Iterator[str]]


def text(bytes_wanted: int) -> str:
    """A model's text, with the words that the lines looked for are made of."""
    drawn = random.Random(0)
    line = 80
    return "\n".join(
        " ".join(drawn.choices(WORDS, k=14)) for _ in range(max(1, bytes_wanted // line))
    )


def gpt_fast_run(said: str, drawn: random.Random) -> Iterator[str]:
    speeds = [round(drawn.uniform(30, 40), 2) for _ in range(SAMPLES)]
    yield "Using device=cuda\nLoading model ...\nTime to load model: 12.71 seconds\n"
    yield "Compilation time: 45.80 seconds\n"
    for number, speed in enumerate(speeds, start=1):
        yield said
        yield f"\nTime for inference {number}: {200 / speed:.2f} sec total, {speed} tokens/sec\n"
        yield f"Bandwidth achieved: {13.47 * speed:.2f} GB/s\nFLOPS achieved: 0.50 TF/s\n\n"
    yield "==========\nBatch Size: 1\nPrompt Length: 6\nGenerated tokens: 200\n"
    yield f"Average tokens/sec: {sum(speeds) / SAMPLES:.2f}\nMemory used: 13.62 GB\n"


def our_run(said: str, drawn: random.Random) -> Iterator[str]:
    settings = settings_of("compile")
    sample = Sample(0.02, drawn.uniform(1.9, 2.1), list(range(200)), "Hello, my name is Ada. " * 30)
    result = with_samples(Result("compile", "ok", settings=settings), [sample] * SAMPLES)
    shown = "  | " + said.replace("\n", "\n  | ")
    yield f"Stage: compile\n{SETTINGS_PREFIX}{to_json(settings)}\n"
    for number in range(1, SAMPLES + 1):
        yield shown
        yield f"\nTime for inference {number}: 2.02 sec total, 99.50 tokens/sec\n"
        yield f"{SAMPLE_PREFIX}{to_json(sample)}\n"
    yield f"==========\n{PREFIX}{to_json(result)}\n"


def killed_run(said: str, drawn: random.Random) -> Iterator[str]:
    """A run without a result: its last words are looked for."""
    yield f"Loading model ...\n{said}\n"
    yield "slurmstepd: error: *** JOB 7 ON sim03 CANCELLED DUE TO TIME LIMIT ***\n"


# In a process of its own: the checkout that it runs in is the one whose readers it has.
READ = """
import sys, time, tracemalloc
from pathlib import Path
from workshop.record.readers import read_logs

place, with_memory = Path(sys.argv[1]), sys.argv[2] == "memory"
paths = sorted(place.iterdir()) if place.is_dir() else [place]
if with_memory:
    tracemalloc.start()
times = []
for _ in range(1 if with_memory else 3):
    start = time.process_time()
    found = len(read_logs(paths))
    times.append(time.process_time() - start)
print(min(times), found, tracemalloc.get_traced_memory()[1] if with_memory else 0)
"""


def read(place: Path, checkout: Path, what: str = "time") -> tuple[float, int, int]:
    """Seconds of the processor, results, and the most bytes that were held."""
    command = [sys.executable, "-c", READ, str(place), what]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    seconds, found, peak = done.stdout.split()
    return float(seconds), int(found), int(peak)


def in_turns(place: Path, checkouts: list[Path]) -> list[float]:
    """The best time of each checkout."""
    times = [[read(place, checkout)[0] for checkout in checkouts] for _ in range(TURNS)]
    return [min(column) for column in zip(*times, strict=True)]


def large(
    place: Path, name: str, runs: Iterator[Iterator[str]], size: int, of: list[Path]
) -> dict[str, object]:
    """One large log: printed, and as an entry of the result file."""
    with place.open("w") as file:
        for run in runs:
            file.writelines(run)
            if file.tell() >= size * 1e6:
                break
    megabytes = place.stat().st_size / 1e6
    seconds = in_turns(place, of)
    speeds = ", against ".join(f"{megabytes / one:5.0f} MB/s" for one in seconds)
    _, found, peak = read(place, of[0], "memory")
    print(f"{name:24} {megabytes:4.0f} MB, {speeds}, {found} runs, peak {peak / 1e6:.1f} MB")
    place.unlink()
    return {
        "log": name,
        "megabytes": megabytes,
        "seconds": seconds[0],
        "results": found,
        "peak_bytes": peak,
    }


def small(folder: Path, name: str, run: Run, count: int, of: list[Path]) -> dict[str, object]:
    """Many small logs: printed, and as an entry of the result file."""
    folder.mkdir()
    drawn, said = random.Random(0), text(2000)
    for number in range(count):
        (folder / f"job-{number}.out").write_text("".join(run(said, drawn)))
    seconds = in_turns(folder, of)
    times = ", against ".join(f"{one:.2f} s" for one in seconds)
    print(f"{name:24} {count} logs in {times}")
    return {"log": name, "logs": count, "seconds": seconds[0]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--logs", type=int, default=10_000)
    parser.add_argument("--against", type=Path, metavar="DIR")
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    arguments = parser.parse_args()
    of = [Path(__file__).parents[1], *([arguments.against] if arguments.against else [])]
    size = arguments.megabytes
    said, short = text(size * 1_000_000 // SAMPLES), text(1000)
    drawn = random.Random(0)
    with tempfile.TemporaryDirectory() as made:
        log = Path(made, "log")
        long = [
            ("ours, long text", iter([our_run(said, drawn)])),
            ("gpt-fast, long text", iter([gpt_fast_run(said, drawn)])),
            ("of no format, long text", iter([killed_run(said * SAMPLES, drawn)])),
        ]
        found = [large(log, name, runs, size, of) for name, runs in long]
        for name, run in (("ours", our_run), ("gpt-fast", gpt_fast_run)):
            runs = (run(short, drawn) for _ in repeat(None))
            found.append(large(log, f"{name}, ordinary runs", runs, size // 4, of))
        many = (("ours", our_run), ("gpt-fast", gpt_fast_run), ("without a result", killed_run))
        found += [
            small(Path(made, name), f"{name}, small", run, arguments.logs, of) for name, run in many
        ]
    if arguments.output:
        report = {"versions": dataclasses.asdict(provenance.versions()), "logs": found}
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
