"""``torch.compile`` from outside: the same functions, turned into few large kernels.

Eager mode calls one kernel per operation, and at batch 1 the calls take longer than the work. A
compiled step is one graph. That needs shapes that never change: hence the static cache.

On a GPU even the calls of those few kernels take longer than a small model's kernels. A CUDA graph
is a recording of all calls of a step, played back by one. It knows addresses, not tensors, and
that is where its traps are:

* Its results lie where they lay at the recording, and the next run writes over them. So they are
  copied outside of the graph (https://github.com/pytorch/pytorch/issues/152887, 170604).
* What it reads must stay where it was. Weights and caches are parameters and buffers of modules,
  which are taken to stay; a cache given as a plain tensor would be copied in at every step, and
  one that grows by ``torch.cat`` cannot be recorded at all (175557).
* Shapes are part of the recording, and each takes memory. So prompts, whose length varies, are
  filled up to one of a few lengths (``Steps.buckets``), and there is a graph for each of those.
* Two graphs that run in turn (a draft's and its verifier's) each begin a step of their own; taken
  for parts of one step, they would be recorded again and again for every order of the two.
* It can be skipped, in silence, for what it cannot record: ``cuda_graphs_skipped`` tells.
* Its speed has changed between versions of torch (174575): every record has the version.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from workshop.llm import generate
from workshop.llm.generate import Steps

F = TypeVar("F", bound=Callable)
# torch gives up after eight graphs of one function, taking them for a mistake. Here each is meant:
# one for each k of adaptive speculation, and for each model that a process compares. What is not
# meant is counted (graphs_compiled) and recorded.
MOST_GRAPHS = 128

ALWAYS = {
    # a * b + c in one instruction, rounded once: a C++ compiler does not do it unasked.
    "cpp.enable_floating_point_contract_flag": "fast",
    # Not at every step that shapes and strides are what the graph says. Such a check follows each
    # kernel that the compiler has not written; at batch 1 all of them take as long as a layer.
    "size_asserts": False,
}

Mode = Literal["auto", "default", "reduce-overhead", "max-autotune"]


@dataclass(frozen=True)
class How:
    """How to compile.

    Attributes:
        cuda_graphs: record the calls of a step and play them back.
        autotune: try several kernels for every product and take the fastest. Takes minutes. Which
            one wins can differ from run to run, and with it the last bits of a result.
        gpu: tune what Inductor writes for the GPU at hand, step by step. More than tuning: only
            then does it write a product with one vector itself, and only in a kernel of its own
            can it convert int8 in registers; else the weight is converted in memory first.
    """

    cuda_graphs: bool = False
    autotune: bool = False
    gpu: bool = False

    @property
    def for_prefill(self) -> How:
        """Whose products are of matrices, which libraries do best, and whose shapes vary."""
        return How(autotune=self.autotune)

    def options(self) -> dict[str, Any]:
        """For ``torch.compile``; what its modes stand for (torch._inductor.list_mode_options)."""
        chosen = {
            "triton.cudagraphs": self.cuda_graphs,
            "max_autotune": self.autotune,
            "coordinate_descent_tuning": self.gpu,
        }
        return ALWAYS | {name: True for name, on in chosen.items() if on}


PLAIN = How()


def how_to_compile(mode: Mode, device: torch.device) -> How:
    """What a mode means on a device; ``auto`` is CUDA graphs where there is a GPU for them.

    AMD's GPUs, which torch calls ``cuda`` too, have graphs as well.
    """
    gpu = device.type == "cuda"
    if mode == "default":
        return How(gpu=gpu)
    return How(cuda_graphs=gpu, autotune=mode == "max-autotune", gpu=gpu)


def find_compiler() -> None:
    """Fail at once, and not after the whole model was traced, where a CPU's compiler is missing.

    Raises:
        torch._inductor.exc.InvalidCxxCompiler: there is none.
    """
    from torch._inductor.cpp_builder import get_cpp_compiler

    get_cpp_compiler()


def compiled(function: F, how: How, **more: Any) -> Any:
    """``torch.compile``, which imports the compiler: seconds, that only who compiles has to wait.

    As a whole graph: then a graph break is an error, not a slow surprise.
    """
    import torch._dynamo.config

    torch._dynamo.config.recompile_limit = MOST_GRAPHS
    return torch.compile(function, fullgraph=True, options=how.options(), **more)


def compiled_prefill(function: F, how: How = PLAIN) -> F:
    """One graph for prompts of every length above 1, without CUDA graphs.

    The length alone is marked as dynamic: with ``dynamic=True``, numbers such as a norm's epsilon
    would be too, and every start would trace the model twice for them.
    """
    run = compiled(function, how.for_prefill)

    def prefill(model: Any, cache: Any, tokens: Tensor, positions: Tensor, *rest: Any) -> Any:
        torch._dynamo.maybe_mark_dynamic(tokens, 1)
        torch._dynamo.maybe_mark_dynamic(positions, 0)
        return run(model, cache, tokens, positions, *rest)

    either: Any = prefill
    return either


def compiled_decode(function: F, how: How = PLAIN) -> F:
    """One graph for one shape."""
    run = compiled(function, how, dynamic=False)
    if not how.cuda_graphs:
        return run

    def decode(*inputs: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()
        return tree_map_only(Tensor, torch.clone, run(*inputs))

    either: Any = decode
    return either


def compiled_steps(at_once: int = 1, how: How = PLAIN) -> Steps:
    """Compiled ``Steps``, with so many decode steps in one graph."""
    decode = compiled_decode(generate.decode_many(at_once), how)
    if how.cuda_graphs:  # then shapes never change in prefill either
        prefill = compiled_decode(generate.prefill, replace(how, gpu=False))
        return Steps(prefill, decode, at_once, buckets=True)
    return Steps(compiled_prefill(generate.prefill, how), decode, at_once)


def graphs_compiled() -> int:
    """How many graphs this process has compiled so far."""
    return counted("stats")["unique_graphs"]


def graph_breaks() -> int:
    """How often this process left a graph for Python."""
    return sum(counted("graph_break").values())


def cuda_graphs_skipped() -> int:
    """How many compiled graphs run without the CUDA graph that was asked for."""
    return counted("inductor")["cudagraph_skips"]


def counted(what: str) -> Counter[str]:
    """torch's own counts; none where its compiler was never imported."""
    utils = sys.modules.get("torch._dynamo.utils")
    return Counter() if utils is None else utils.counters[what]
