"""``torch.compile`` from outside: the same functions, turned into few large kernels.

Eager mode calls one kernel per operation, and at batch 1 the calls take longer than the work. A
compiled step is one graph. That needs shapes that never change: hence the static cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch._dynamo.utils import counters

from workshop.llm import generate
from workshop.llm.generate import Steps

F = TypeVar("F", bound=Callable)


def compiled_prefill(function: F) -> F:
    """One graph for prompts of every length."""
    compiled: Any = torch.compile(function, fullgraph=True, dynamic=True)
    return compiled


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
