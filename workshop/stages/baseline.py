"""baseline: where the lesson starts."""

from __future__ import annotations

from workshop.stages.sentences import alone
from workshop.stages.stage import Expectation, Look, Measured, Stage


def explain(result: Measured, against: Measured) -> str:
    """Of the first stage nothing is beside it, whatever ``against`` is."""
    return alone(result)


STAGE = Stage(
    name="baseline",
    against=None,
    changes={},
    summary="plain PyTorch, eager, bf16 weights, a KV cache that grows by one token a step",
    template="baseline.slurm.j2",
    expectation=Expectation(
        "A token multiplies every weight by one vector, so it cannot take less time than reading "
        "the weights takes. Eager mode takes longer on a small model: it calls hundreds of small "
        "kernels from Python, one after another.",
        "t ≥ P·b / BW",
    ),
    explain=explain,
    may_differ=None,
    look=Look("#d0d0d0", dark="#f0f0f0", hatch="", marker="o"),
    words=frozenset({"baseline", "eager"}),
    shows=lambda run: False,  # it is what the other stages' traces are missing from
)
