"""Triton kernels as operators that ``torch.compile`` sees through.

A ``triton_op`` tells it which kernel an operator launches: no graph break, no way through Python
for a launch, and CUDA graphs hold it like any other kernel.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable)

# TRITON_INTERPRET=1 runs kernels in Python, without a GPU. They are no Triton kernels then, which
# torch.compile could look at: the operator is a closed box, with the same results.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


def operator(like: Callable) -> Callable[[F], F]:
    """Register a function that changes no argument as the operator workshop::name.

    ``like`` takes the same arguments and gives an empty tensor of the output's shape and dtype.
    """

    def register(function: F) -> F:
        name = f"workshop::{function.__name__}"
        made: Any
        if INTERPRETED:
            made = torch.library.custom_op(name, function, mutates_args=())
            made.register_fake(like)
        else:
            made = torch.library.triton_op(name, function, mutates_args=())
        return made

    return register


def launch(kernel: Any) -> Any:
    """The kernel as a ``triton_op`` launches it: ``launch(kernel)[grid](...)``."""
    return kernel if INTERPRETED else torch.library.wrap_triton(kernel)


def processors(device: torch.device) -> int:
    """Multiprocessors of a GPU; for the interpreter on a CPU, one."""
    if device.type != "cuda":
        return 1
    return torch.cuda.get_device_properties(device).multi_processor_count


def warps(threads: int) -> int:
    """That many threads in warps: of 64 on AMD's data-centre GPUs, of 32 elsewhere."""
    return max(1, threads // (64 if torch.version.hip else 32))
