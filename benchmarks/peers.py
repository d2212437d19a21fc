"""On a CPU: ours beside what people would pick instead, all with the same random weights.

    python benchmarks/peers.py [--model 15m] [--rounds 7] [--gpt-fast CHECKOUT] [-o FILE]

Engines: ours by stage; transformers eager, and compiled with a static cache; gpt-fast (a checkout
of https://github.com/meta-pytorch/gpt-fast); llama.cpp by llama-cpp-python, in GGUF files that are
written here; CTranslate2 with one thread (with two it has been seen to collapse). What is not
installed is left out, and said to be: pip install -e '.[peers]'.

Each engine is a process of its own, and they take turns, a generation each, in several rounds: what
slows the machine slows all. Batch 1, greedy, a prompt of 6 tokens and 200 new ones; tokens/s is
decode only, timed by the clock around it. Printed are medians, smallest and largest, and the ratio
to the engine that each of ours is to be held against.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# Ours, and the engine of the same precision that it is held against.
BF16 = ("transformers compile", "gpt-fast compile", "llama.cpp F16")
INT8 = ("gpt-fast int8", "llama.cpp Q8_0", "CTranslate2 int8, 1 thread")
INT4 = ("llama.cpp Q4_0",)
RIVALS = {
    "ours baseline": ("transformers eager",),
    "ours compile": BF16,
    "ours int8": INT8,
    "ours compile, C++": BF16,
    "ours compile, C++, 8 steps": BF16,
    "ours int8, integers": INT8,
    "ours int8, integers, 8 steps": INT8,
    "ours int4, g128, integers": INT4,
    "ours int4, g128, integers, 8 steps": INT4,
    "ours int4": INT4,
}
LONGEST_START = 900  # seconds: a cold compile on a slow machine


@dataclass
class Engine:
    """A process that generates when it is told to."""

    name: str
    process: subprocess.Popen[str]
    speeds: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)


def start(name: str, checkpoint: Path, options: argparse.Namespace) -> Engine | str:
    """Start an engine and wait until it is warm; a reason, and a line, where it cannot be had."""
    command = [sys.executable, str(HERE / "peers_engine.py"), name, str(checkpoint)]
    command += ["--threads", str(options.threads)]
    if options.gpt_fast:
        command += ["--gpt-fast", str(options.gpt_fast)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    words = checkpoint.with_name(f"{name}.err")  # in a file: nobody reads while an engine works
    with words.open("w") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True,
            env=environment,
        )  # fmt: skip
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        process.kill()
        why = last_words(words)
        print(f"left out: {name}: {why}", file=sys.stderr)
        return why
    print(f"ready: {name}", file=sys.stderr)
    return Engine(name, process)


def last_words(file: Path) -> str:
    """What an engine that gave up said last: the error, not the advice below it."""
    lines = [line for line in file.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line and not line.startswith(" ")]
    return (errors or lines or ["no word from it"])[-1][:300]


def generate(engine: Engine) -> None:
    """One generation, noted."""
    assert engine.process.stdin is not None
    assert engine.process.stdout is not None
    print("go", file=engine.process.stdin, flush=True)
    told = json.loads(engine.process.stdout.readline())
    engine.speeds.append(told["tokens_per_second"])
    engine.tokens = told["tokens"]


def ratios(engines: dict[str, Engine]) -> list[dict[str, Any]]:
    """Ours against each rival that is here: medians of the ratios within a round."""
    found = []
    for ours, rivals in RIVALS.items():
        for rival in rivals:
            if ours not in engines or rival not in engines:
                continue
            pairs = zip(engines[ours].speeds, engines[rival].speeds, strict=True)
            values = sorted(a / b for a, b in pairs)
            found.append(
                {"ours": ours, "against": rival, "ratio": statistics.median(values),
                 "least": values[0], "most": values[-1]}
            )  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--model", default="15m", help="a shape: 15m, 110m")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--gpt-fast", type=Path, help="a checkout of gpt-fast")
    parser.add_argument("--only", action="append", help="an engine to run; all without it")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()

    from peers_engine import ENGINES, write_checkpoint

    from workshop.runner import machine, provenance
    from workshop.util.files import write

    names = options.only or list(ENGINES)
    warning = machine.busy_warning()
    with tempfile.TemporaryDirectory(prefix="workshop-peers-") as folder:
        checkpoint = Path(folder) / "model"
        parameters = write_checkpoint(options.model, checkpoint)
        # Two at a time: compiling takes minutes, and nothing is timed yet.
        with ThreadPoolExecutor(2) as pool:
            starts = pool.map(lambda name: start(name, checkpoint, options), names)
            started = dict(zip(names, starts, strict=True))
        engines = {name: one for name, one in started.items() if isinstance(one, Engine)}
        try:
            for _ in range(options.rounds):
                for engine in engines.values():
                    generate(engine)
        finally:
            for engine in engines.values():
                engine.process.kill()

    print(f"{options.model}: {parameters / 1e6:.0f}M parameters, {options.threads} threads, "
          f"tokens/s of {options.rounds} rounds")  # fmt: skip
    for name, engine in engines.items():
        low, middle, high = min(engine.speeds), statistics.median(engine.speeds), max(engine.speeds)
        print(f"  {name:<34} {middle:7.0f}   ({low:.0f} to {high:.0f})")
    compared = ratios(engines)
    for row in compared:
        print(f"  {row['ours']} / {row['against']}: {row['ratio']:.2f} "
              f"({row['least']:.2f} to {row['most']:.2f})")  # fmt: skip
    if warning:
        print(f"WARNING: {warning}")
    if options.output:
        import torch

        record = {
            "model": options.model,
            "parameters": parameters,
            "threads": options.threads,
            "rounds": options.rounds,
            "device": machine.device_name(torch.device("cpu")),
            "versions": asdict(provenance.versions()),
            "busy": warning,
            "tokens_per_second": {name: engine.speeds for name, engine in engines.items()},
            "ratios": compared,
            "left_out": {name: why for name, why in started.items() if isinstance(why, str)},
        }
        write(options.output, (json.dumps(record, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
