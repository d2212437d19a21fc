"""Attention of a single token on a CPU: torch's kernel, and the formula, eager and compiled.

    python benchmarks/attention_cpu.py [--threads 2] [--rounds 7] [-o FILE]

Microseconds for one layer, the median of the rounds and its least and most; the ways take turns
within a round. Keys and values are bf16, three quarters of the cache are filled.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from turns_cpu import Ways, options_of, turns, write

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


def ways(heads: int, kv_heads: int, size: int, room: int) -> Ways:
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
    options = options_of(__doc__ or "")
    found: list[dict[str, object]] = []
    with torch.inference_mode():
        for shape in SHAPES:
            torch._dynamo.reset()
            heads, kv_heads, size, room = shape
            title = f"{heads} heads, {kv_heads} KV heads of {size}, {room} slots"
            taken = turns(title, ways(*shape), CALLS, options.rounds, LAYERS)
            names = {"heads": heads, "kv_heads": kv_heads, "size": size, "slots": room}
            found.append({**names, "ways": taken})
    write(options.output, options, found)


if __name__ == "__main__":
    main()
