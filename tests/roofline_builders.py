"""Short ways to ask for predictions in tests."""

from __future__ import annotations

from typing import Any

from workshop.roofline.device import Device, find_device
from workshop.roofline.efficiency import IDEAL, Efficiency
from workshop.roofline.inference import Prediction, predict
from workshop.roofline.models import find_model
from workshop.roofline.precision import precision
from workshop.roofline.shape import Shape
from workshop.roofline.workload import Plan, Workload

SMALL = Shape("small", 64, 2, 4, 2, 16, 128, 256)


def device(name: str = "a100-sxm-80gb") -> Device:
    return find_device(name, environ={}, site=())


def plan(dtype: str = "w16a16", group_size: int = 128, **options: Any) -> Plan:
    return Plan(precision(dtype, group_size), **options)


def predicted(
    model: str = "llama-2-7b",
    dtype: str = "w16a16",
    gpu: str = "a100-sxm-80gb",
    work: Workload | None = None,
    reached: Efficiency = IDEAL,
    group_size: int = 128,
    **options: Any,
) -> Prediction:
    way = plan(dtype, group_size, **options)
    return predict(find_model(model), device(gpu), work or Workload(), way, reached)
