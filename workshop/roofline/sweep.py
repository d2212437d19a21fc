"""Predictions along a line: batch, prompt length, context, or ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from workshop.roofline.device import Device
from workshop.roofline.efficiency import IDEAL, Efficiency
from workshop.roofline.errors import RooflineError
from workshop.roofline.inference import Prediction, predict
from workshop.roofline.shape import Shape
from workshop.roofline.speculative import Speculation
from workshop.roofline.workload import Plan, Workload, nodes_for

Over = Literal["batch", "prompt", "context", "tp"]

# What is asked for where no values are: the figures of the published documents go this far.
VALUES: dict[Over, tuple[int, ...]] = {
    "batch": (1, 2, 4, 8, 16, 32, 64, 128),
    "prompt": (10, 50, 100, 250, 500, 1000, 1500),
    "context": (256, 512, 1024, 2048, 4096, 8192, 16384, 32768),
    "tp": (1, 2, 4, 8),
}


@dataclass(frozen=True)
class Point:
    """Both readings at one value."""

    value: int
    ideal: Prediction
    expected: Prediction


def sweep(
    over: Over,
    values: Sequence[int],
    shape: Shape,
    device: Device,
    work: Workload,
    plan: Plan,
    reached: Efficiency,
    speculation: Speculation | None = None,
    cost_per_gpu_hour: float | None = None,
) -> list[Point]:
    """A point for each value that is possible.

    ``context`` is what is in the cache when decode begins, which is a prompt of that length.

    Raises:
        RooflineError: none of the values is possible.
    """
    found, last = [], None
    for value in values:
        asked, way = work, plan
        if over == "batch":
            asked = replace(work, batch=value)
        elif over == "tp":
            nodes = nodes_for(value, device.gpus_per_node) if plan.nodes == 1 else plan.nodes
            way = replace(plan, tp=value, nodes=nodes)
        else:
            asked = replace(work, prompt=value)
        try:
            readings = [
                predict(shape, device, asked, way, one, speculation, cost_per_gpu_hour)
                for one in (IDEAL, reached)
            ]
        except RooflineError as error:
            last = error
            continue
        found.append(Point(value, *readings))
    if not found:
        raise last or RooflineError("there are no values to predict for")
    return found
