"""``torch.compile`` from outside: the same functions, turned into few large kernels.

Eager mode calls one kernel per operation, and at batch 1 the calls take longer than the work. A
compiled step is one graph. That needs shapes that never change: hence the static cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._dynamo.utils import counters

from workshop.llm import generate
from workshop.llm.generate import Steps

F = TypeVar("F", bound=Callable)


def compiled_prefill(function: F) -> F:
    """One graph for prompts of every length above 1.

    The length alone is marked as dynamic: with ``dynamic=True``, numbers such as a norm's epsilon
    would be too, and every start would trace the model twice for them.
    """
    compiled: Any = torch.compile(function, fullgraph=True)

    def prefill(model: Any, cache: Any, tokens: Tensor, positions: Tensor, *rest: Any) -> Any:
        torch._dynamo.maybe_mark_dynamic(tokens, 1)
        torch._dynamo.maybe_mark_dynamic(positions, 0)
        return compiled(model, cache, tokens, positions, *rest)

    either: Any = prefill
    return either


def compiled_decode(function: F) -> F:
    """One graph for one shape: ``fullgraph`` makes a graph break an error, not a slow surprise."""
    compiled: Any = torch.compile(function, fullgraph=True, dynamic=False)
    return compiled


def compiled_steps() -> Steps:
    return Steps(compiled_prefill(generate.prefill), compiled_decode(generate.decode))


def graphs_compiled() -> int:
    """How many graphs this process has compiled so far."""
    return counters["stats"]["unique_graphs"]


def graph_breaks() -> int:
    """How often this process left a graph for Python."""
    return sum(counters["graph_break"].values())
