"""compile, against baseline: a step becomes one graph of few fused kernels."""

from __future__ import annotations

from workshop.stages.sentences import FASTER, factor, outcome
from workshop.stages.stage import Expectation, Look, Measured, Stage


def explain(result: Measured, against: Measured) -> str:
    if factor(result, against) >= FASTER:
        return (
            f"{outcome(result, against)}: the same weights are read, but by a few fused kernels "
            "of one graph in place of hundreds of calls, and the KV cache no longer moves."
        )
    return (
        f"{outcome(result, against)}: calling kernels was not what took the time here, so there "
        "was little for a graph to save."
    )


STAGE = Stage(
    name="compile",
    against="baseline",
    changes={"compile": True},
    summary="torch.compile of prefill and decode, with the static KV cache that it needs",
    template="compile.slurm.j2",
    expectation=Expectation(
        "The bytes are the same; what goes is the overhead of calling kernels.",
        "t = P·b / BW + overhead",
    ),
    explain=explain,
    may_differ="compiled kernels sum in another order than eager ones",
    look=Look("#e69f00", dark="#f2b134", hatch="///", marker="s"),
    words=frozenset({"compile", "compiled"}),
    shows=lambda run: run.compile_seconds is not None,
)
