"""Ways to compute one thing on a CPU, in turns, and what each takes."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from workshop.runner import machine, provenance

Ways = Mapping[str, Callable[[], object]]
Spread = dict[str, float]  # median, min and max, in microseconds


def options_of(doc: str) -> argparse.Namespace:
    """Read a benchmark's options (threads, rounds, output); torch uses so many threads."""
    parser = argparse.ArgumentParser(description=doc.split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    return options


def turns(title: str, ways: Ways, calls: int, rounds: int, things: int = 1) -> dict[str, Spread]:
    """Microseconds of each way for one of the ``things`` that a call computes; printed as well.

    The median of the rounds, and the least and most.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            started = time.perf_counter()
            for _ in range(calls):
                run()
            times[name].append((time.perf_counter() - started) / calls / things * 1e6)
    print(title)
    found = {}
    for name, taken in times.items():
        one = {"median": statistics.median(taken), "min": min(taken), "max": max(taken)}
        print(f"  {name:<26} {one['median']:6.0f} us   ({one['min']:.0f} to {one['max']:.0f})")
        found[name] = one
    return found


def write(
    output: Path | None, options: argparse.Namespace, microseconds: list[dict[str, object]]
) -> None:
    """The result file, if one is asked for: an entry for each shape, as the benchmark names it."""
    if output is None:
        return
    report = {
        "device": machine.device_name(torch.device("cpu")),
        "threads": options.threads,
        "rounds": options.rounds,
        "versions": dataclasses.asdict(provenance.versions()),
        "microseconds": microseconds,
    }
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
