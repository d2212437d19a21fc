"""quantize, against compile: a step reads half the bytes."""

from __future__ import annotations

from workshop.stages.sentences import FASTER, factor, outcome, read_bytes
from workshop.stages.settings import WEIGHT_BITS
from workshop.stages.stage import Expectation, Look, Measured, Stage


def explain(result: Measured, against: Measured) -> str:
    shrunk = read_bytes(against) / (read_bytes(result) or 1)
    gain = factor(result, against)
    told = f"{outcome(result, against)}: a token reads {shrunk:.2g} times fewer bytes of weights"
    if gain > shrunk * 1.1:
        kind = result.settings.quantize if result.settings else "quantised"
        return f"{told}, and the {kind} kernel also gets more out of this machine than bf16's."
    if gain >= FASTER:
        return f"{told}, and reading them is most, not all, of the time."
    return f"{told}, but reading them is not what takes the time here."


STAGE = Stage(
    name="quantize",
    against="compile",
    changes={"quantize": "int8"},
    summary="weights of the linear layers in int8, one scale per output channel",
    template="quantize.slurm.j2",
    expectation=Expectation(
        "A token reads half the bytes: where reading them is what takes the time, it takes half.",
        "t = P·(b / 2) / BW + overhead",
    ),
    explain=explain,
    may_differ="quantised weights are not the bf16 weights",
    look=Look("#009e73", dark="#22b48a", hatch="\\\\\\", marker="^"),
    words=frozenset({"quantize", "quantized", "quantization", "quant", "int8", "int4"}),
    shows=lambda run: run.dtype in WEIGHT_BITS or "quantisation" in run.conditions,
)
