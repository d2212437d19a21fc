"""Tensor parallelism on one host's CPU against one process: quantize and tp, in turns.

    python benchmarks/ranks_cpu.py [--model tiny] [--quantize int8] [--rounds 7] [-o FILE]

Tokens per second of decode: one process with all threads (quantize), and two ranks that divide them
(tp), through shared memory and by gloo. Each round runs every way once; what is printed are the
median of the rounds and least to most, and ratios within a round. While one process generates, the
other rank sleeps.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workshop import compile_cache

compile_cache.keep()  # before torch is imported

import torch  # noqa: E402

from workshop import machine, provenance  # noqa: E402
from workshop.assemble import Place, assemble  # noqa: E402
from workshop.llm.ranks import parallel  # noqa: E402
from workshop.measure import take_sample, warm_up  # noqa: E402
from workshop.meeting import free_port  # noqa: E402
from workshop.rank import LOOPBACK  # noqa: E402
from workshop.stages import Settings, settings_of  # noqa: E402

RANKS = 2
ONE, SHARED, GLOO = "one process", "two ranks, shared memory", "two ranks, gloo"
CPU = torch.device("cpu")


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ready(settings: Settings, place: Place) -> Callable[[], float]:
    """What measures tokens/s of one generation, warmed up."""
    engine = assemble(settings, place)
    warm_up(settings, place, engine)

    def measured() -> float:
        sample = take_sample(settings, place, engine, engine.prompts, settings.seed)
        return sample.tokens_per_second or 0.0

    return measured


@torch.inference_mode()
def one_rank(rank: int, port: int, settings: Settings, rounds: int, output: Path | None) -> None:
    busy = machine.busy_warning(RANKS)
    joined = parallel.join(rank, RANKS, LOOPBACK, port, CPU)
    shared, threads = parallel.Memory.shared, joined.threads or 1
    if shared is None:
        raise SystemExit("the ranks cannot share memory here")
    ways: dict[str, Callable[[], float]] = {}

    def in_turn(way: str, do: Callable[[], float]) -> float:
        """Do it on all ranks or, for one process, on the first; all wait for its end."""
        parallel.Memory.shared = shared if way == SHARED else None
        torch.set_num_threads(threads * RANKS if way == ONE else threads)
        found = do() if way != ONE or rank == 0 else 0.0
        told = [found]
        parallel.dist.broadcast_object_list(told, 0)
        return told[0]

    def prepared(way: str) -> float:
        place = Place(CPU) if way == ONE else Place(CPU, rank, RANKS)
        ways[way] = ready(replace(settings, ranks=place.ranks), place)
        return 0.0

    for way in (ONE, SHARED, GLOO):
        in_turn(way, lambda way=way: prepared(way))
    speeds: dict[str, list[float]] = {ONE: [], SHARED: [], GLOO: []}
    for _ in range(rounds):
        for way in speeds:
            speeds[way].append(in_turn(way, lambda way=way: ways[way]()))
    parallel.Memory.shared = shared
    parallel.leave()
    if rank == 0:
        tell(speeds, busy)
        if output:
            output.write_text(
                json.dumps(report(settings, speeds, busy, threads), indent=2) + "\n",
                encoding="utf-8",
            )


def report(
    settings: Settings, speeds: dict[str, list[float]], busy: str | None, threads: int
) -> dict[str, object]:
    return {
        "model": settings.model,
        "quantize": settings.quantize,
        "new_tokens": settings.new_tokens,
        "rounds": len(speeds[ONE]),
        "device": machine.device_name(CPU),
        "threads": threads * RANKS,
        "versions": dataclasses.asdict(provenance.versions()),
        "busy": busy,
        "tokens_per_second": {way: spread(values) for way, values in speeds.items()},
        "ratio": {f"{way} / {ONE}": spread(ratios(speeds, way)) for way in (SHARED, GLOO)},
    }


def ratios(speeds: dict[str, list[float]], way: str) -> list[float]:
    """Of a way to one process, round by round."""
    return [a / b for a, b in zip(speeds[way], speeds[ONE], strict=True)]


def tell(speeds: dict[str, list[float]], busy: str | None) -> None:
    if busy:
        print(f"Warning: {busy}", file=sys.stderr)
    for way, values in speeds.items():
        s, r = spread(values), spread(ratios(speeds, way))
        print(
            f"{way:<26}{s['median']:>8.1f} tokens/s ({s['min']:.1f} to {s['max']:.1f})   "
            f"{r['median']:.2f} ({r['min']:.2f} to {r['max']:.2f}) of one process"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--quantize", default="int8", choices=["none", "int8", "int4"])
    parser.add_argument("--new-tokens", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    options = parser.parse_args()
    settings = replace(
        settings_of("tp"),
        model=options.model,
        quantize=options.quantize,
        new_tokens=options.new_tokens,
        ignore_eos=True,
        device="cpu",
    )
    port, context = free_port(), multiprocessing.get_context("spawn")
    processes = [
        context.Process(
            target=one_rank, args=(rank, port, settings, options.rounds, options.output)
        )
        for rank in range(RANKS)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(max(abs(process.exitcode or 0) for process in processes))


if __name__ == "__main__":
    main()
