"""Ways to compute one thing on a CPU, in turns, and what each takes."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping

import torch

Ways = Mapping[str, Callable[[], object]]


def threads_and_rounds(doc: str) -> int:
    """Read a benchmark's options, have torch use so many threads; returns the rounds."""
    parser = argparse.ArgumentParser(description=doc.split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    return options.rounds


def print_turns(title: str, ways: Ways, calls: int, rounds: int, things: int = 1) -> None:
    """Microseconds of each way for one of the ``things`` that a call computes.

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
    for name, taken in times.items():
        middle, low, high = statistics.median(taken), min(taken), max(taken)
        print(f"  {name:<26} {middle:6.0f} us   ({low:.0f} to {high:.0f})")
