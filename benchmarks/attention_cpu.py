"""Attention of a single token on a CPU: torch's kernel, and the formula, eager and compiled.

    python benchmarks/attention_cpu.py [--threads 2] [--rounds 7]

Microseconds for one layer, the median of the rounds and its least and most; the ways take turns
within a round. Keys and values are bf16, three quarters of the cache are filled.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from workshop.llm.attention import Attend, fused, written_out

LAYERS = 3  # caches that take turns, so that none is always in the nearest memory
CALLS = 50
# Query heads, key heads, size of a head, room in the cache: 15m and 110m of llama2.c, the embedded
# model, and a longer text.
SHAPES = [(6, 6, 48, 256), (12, 12, 64, 256), (8, 2, 32, 256), (12, 12, 64, 1024)]


def layers(attend: Attend, q: Tensor, mask: Tensor, caches: list[Tensor]) -> Tensor:
    for keys, values in zip(caches[::2], caches[1::2], strict=True):
        q = q + attend(q, keys, values, mask)
    return q


def microseconds(run: Callable[[], Tensor]) -> float:
    """For one layer."""
    started = time.perf_counter()
    for _ in range(CALLS):
        run()
    return (time.perf_counter() - started) / CALLS / LAYERS * 1e6


def ways(heads: int, kv_heads: int, size: int, room: int) -> dict[str, Callable[[], Tensor]]:
    q = torch.randn(1, heads, 1, size, dtype=torch.bfloat16)
    caches = [torch.randn(1, kv_heads, room, size, dtype=q.dtype) for _ in range(2 * LAYERS)]
    mask = (torch.arange(room) < room * 3 // 4)[None]
    found = {}
    for name, attend in (("kernel", fused), ("formula", written_out)):
        eager = partial(layers, attend)
        compiled = torch.compile(eager, dynamic=False)
        found[f"{name}, eager"] = partial(eager, q, mask, caches)
        found[f"{name}, compiled"] = partial(compiled, q, mask, caches)
    expected = found["kernel, eager"]()
    for run in found.values():
        torch.testing.assert_close(run(), expected, atol=0.05, rtol=0.05)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    with torch.inference_mode():
        for shape in SHAPES:
            torch._dynamo.reset()
            found = ways(*shape)
            times: dict[str, list[float]] = {name: [] for name in found}
            for _ in range(options.rounds):
                for name, run in found.items():
                    times[name].append(microseconds(run))
            print("{} heads, {} KV heads of {}, {} slots".format(*shape))
            for name, taken in times.items():
                middle, low, high = statistics.median(taken), min(taken), max(taken)
                print(f"  {name:<18} {middle:5.0f} us   ({low:.0f} to {high:.0f})")


if __name__ == "__main__":
    main()
