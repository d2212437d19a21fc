"""The exchanges of tensor parallelism between processes of one host: gloo, and shared memory.

    python benchmarks/all_reduce.py [--ranks 2] [--rounds 15] [-o FILE]

Microseconds of one all-reduce (sum, bf16) by size, and of the broadcast of a token, as rank 0 sees
them: the median of the rounds, least to most. The ways take turns within a round. They are called
one by one from Python (eager), and in a compiled graph of 16 (graph), where each is followed by a
product with a number and its call, about a microsecond. One thread a rank.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from workshop.runner import compile_cache

compile_cache.keep()  # before torch is imported

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from workshop.llm.compile import PLAIN  # noqa: E402
from workshop.llm.ranks import parallel  # noqa: E402
from workshop.runner import machine, provenance  # noqa: E402
from workshop.runner.ranks.group import join  # noqa: E402
from workshop.runner.ranks.meeting import free_port  # noqa: E402
from workshop.runner.ranks.rank import Rank  # noqa: E402

# Numbers: dim of the embedded model's stored width, of 15m, 110m and 7b, then prompts.
SIZES = [256, 288, 768, 4096, 16 * 4096, 256 * 4096]
IN_GRAPH = 16
BYTES_A_WAY = 20e6  # in a round at most, and ...
MOST_CALLS = {"gloo": 20, "shared memory": 400}

Way = tuple[str, Callable[[], object], int]  # name, what is called, exchanges in a call


def chain(x: Tensor) -> Tensor:
    for _ in range(IN_GRAPH):
        x = parallel.all_reduce(x) * 0.5
    return x


def eager(x: Tensor) -> Tensor:
    total = parallel.all_reduce(x)
    return total if parallel.Memory.shared else parallel.functional.wait_tensor(total)


def by(way: str, shared: parallel.Shared, run: Callable[[], object]) -> object:
    """Call ``run`` with one way to exchange."""
    parallel.Memory.shared = shared if way == "shared memory" else None
    return run()


def ways(size: int, shared: parallel.Shared) -> Iterator[Way]:
    x = torch.randn(1, 1, size).bfloat16()
    for way in MOST_CALLS:
        graph = torch.compile(chain, fullgraph=True, dynamic=False, options=PLAIN.options())
        by(way, shared, partial(graph, x))  # compiles
        yield f"{way}, eager", partial(by, way, shared, partial(eager, x)), 1
        yield f"{way}, graph", partial(by, way, shared, partial(graph, x)), IN_GRAPH


def broadcasts(shared: parallel.Shared) -> Iterator[Way]:
    token = torch.tensor([7])
    for way in MOST_CALLS:
        yield f"{way}, eager", partial(by, way, shared, partial(parallel.agree, token)), 1


def in_turns(found: list[Way], rounds: int, size: int) -> dict[str, dict[str, float]]:
    """Microseconds of one exchange, for each way."""
    taken: dict[str, list[float]] = {name: [] for name, _, _ in found}
    for _ in range(rounds):
        for name, run, exchanges in found:
            most = min(MOST_CALLS[name.partition(",")[0]], int(BYTES_A_WAY / 2 / size))
            calls = max(1, most // exchanges)
            run()  # all ranks are there
            started = time.perf_counter()
            for _ in range(calls):
                run()
            taken[name].append((time.perf_counter() - started) / calls / exchanges * 1e6)
    return {
        name: {"median": statistics.median(v), "min": min(v), "max": max(v)}
        for name, v in taken.items()
    }


def one_rank(rank: int, ranks: int, port: int, rounds: int, output: Path | None) -> None:
    busy = machine.busy_warning(ranks)
    join(Rank(rank, ranks), port, torch.device("cpu"))
    torch.set_num_threads(1)
    shared = parallel.Memory.shared
    if shared is None:
        raise SystemExit("the ranks cannot share memory here")
    found = {}
    with torch.inference_mode():
        for size in SIZES:
            torch._dynamo.reset()
            found[f"{size} numbers"] = in_turns(list(ways(size, shared)), rounds, size)
        found["a token, broadcast"] = in_turns(list(broadcasts(shared)), rounds, 1)
    parallel.Memory.shared = shared
    parallel.leave()
    if rank == 0:
        tell(found, busy)
        if output:
            report = {
                "ranks": ranks,
                "rounds": rounds,
                "device": machine.device_name(torch.device("cpu")),
                "threads": 1,
                "versions": dataclasses.asdict(provenance.versions()),
                "busy": busy,
                "microseconds": found,
            }
            output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def tell(found: dict[str, dict[str, dict[str, float]]], busy: str | None) -> None:
    if busy:
        print(f"Warning: {busy}", file=sys.stderr)
    for title, by_way in found.items():
        print(title)
        for name, us in by_way.items():
            spread = f"({us['min']:.1f} to {us['max']:.1f})"
            print(f"  {name:<22} {us['median']:9.1f} us   {spread}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("-o", "--output", type=Path, help="result file (JSON)")
    options = parser.parse_args()
    port = free_port()
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(
            target=one_rank, args=(rank, options.ranks, port, options.rounds, options.output)
        )
        for rank in range(options.ranks)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(max(abs(process.exitcode or 0) for process in processes))


if __name__ == "__main__":
    main()
