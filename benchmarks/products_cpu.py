"""A weight times one token on a CPU: a library's product, and the compiler's loops.

    python benchmarks/products_cpu.py [--threads 2] [--rounds 7] [-o FILE]

Microseconds for one product, the median of the rounds and its least and most; the ways take turns
within a round. Both are compiled, and several weights take turns, as the layers of a model do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from turns_cpu import Ways, options_of, turns, write

from workshop.llm.compile import PLAIN
from workshop.llm.linear import written_out

LAYERS = 3
CALLS = 30
# Outputs and inputs of gate and up, of down, and of the head: 15m and 110m of llama2.c.
SHAPES = [(1536, 288), (288, 768), (32000, 288), (4096, 768), (768, 2048), (32000, 768)]


def library(x: Tensor, weight: Tensor) -> Tensor:
    return F.linear(x, weight)


def library_int8(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """What the compiler makes of ``F.linear(x, weight.to(x.dtype)) * scale`` in a model."""
    return torch.ops.aten._weight_int8pack_mm(x[0], weight, scale)


def loops_int8(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    return written_out(x, weight) * scale


def ways(outputs: int, inputs: int) -> Ways:
    x = torch.randn(1, 1, inputs)
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        weights = [torch.randn(outputs, inputs, dtype=dtype) for _ in range(LAYERS)]
        for way in (library, written_out):
            name = f"{str(dtype)[6:]}, {'library' if way is library else 'loops'}"
            found[name] = compiled(way, x.to(dtype), [(weight,) for weight in weights])
    scale = torch.rand(outputs).bfloat16()
    bits = [torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8) for _ in range(LAYERS)]
    for way in (library_int8, loops_int8):
        name = f"int8, {'library' if way is library_int8 else 'loops'}"
        found[name] = compiled(way, x.bfloat16(), [(weight, scale) for weight in bits])
    return found


def compiled(
    way: Callable[..., Tensor], x: Tensor, layers: list[tuple[Tensor, ...]]
) -> Callable[[], object]:
    def all_layers(x: Tensor, layers: list[tuple[Tensor, ...]]) -> list[Tensor]:
        return [way(x, *layer) for layer in layers]

    return partial(torch.compile(all_layers, dynamic=False, options=PLAIN.options()), x, layers)


def main() -> None:
    options = options_of(__doc__ or "")
    found: list[dict[str, object]] = []
    with torch.inference_mode():
        for outputs, inputs in SHAPES:
            torch._dynamo.reset()
            here = ways(outputs, inputs)
            for run in here.values():
                run()
            title = f"{outputs} outputs, {inputs} inputs"
            taken = turns(title, here, CALLS, options.rounds, LAYERS)
            found.append({"outputs": outputs, "inputs": inputs, "ways": taken})
    write(options.output, options, found)


if __name__ == "__main__":
    main()
