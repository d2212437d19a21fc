"""tp, against quantize: each layer's weights are split over several ranks."""

from __future__ import annotations

from workshop.stages.sentences import FASTER, factor, outcome
from workshop.stages.stage import Expectation, Look, Measured, Stage


def explain(result: Measured, against: Measured) -> str:
    told = f"{outcome(result, against)}: each of {result.world_size} ranks reads only its share"
    if factor(result, against) >= FASTER:
        return f"{told} of the weights, which saves more than two all-reduces a layer cost."
    where = ""
    if result.threads is not None:
        where = (
            f" On a CPU the ranks share the cores ({result.threads} thread each) and, unless each "
            "has a NUMA node of its own, the memory: together they then read no faster than one."
        )
    return (
        f"{told}, but waits for the other in two all-reduces a layer, which take longer than "
        f"the reading that they save.{where}"
    )


STAGE = Stage(
    name="tp",
    against="quantize",
    changes={"ranks": 2},
    summary="tensor parallel: each layer's weights split over 2 ranks, two all-reduces a layer",
    template="tp.slurm.j2",
    expectation=Expectation(
        "Every rank reads its share of the weights, and all of them wait for two all-reduces a "
        "layer: it pays where these take less than the reading that they save.",
        "t = P·b / (n·BW) + 2·L·t_allreduce",
    ),
    explain=explain,
    may_differ="ranks sum their parts in another order than one process does",
    look=Look("#4b2e68", dark="#9e4a80", hatch="xxx", marker="v"),
    words=frozenset({"tp", "tensor", "parallel", "parallelism"}),
    shows=lambda run: (run.world_size or 1) > 1 or "tensor parallel" in run.conditions,
)
