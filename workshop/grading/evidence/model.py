"""The model that a record names, by its name alone: no path in a log is ever followed."""

from __future__ import annotations

from workshop.record.results import Result
from workshop.roofline.against import plan_of
from workshop.roofline.errors import RooflineError
from workshop.roofline.memory import weight_bytes
from workshop.roofline.models import RANDOM, known_models, model_of, tiny_shape
from workshop.roofline.shape import Shape
from workshop.roofline.widths import is_tiny


def shape_of(result: Result) -> Shape | None:
    """The shape of an embedded or a random model; None for a checkpoint, whatever its name says.

    ``tiny`` was a smaller model once: which one is meant, the record's parameters tell.
    """
    name = model_of(result)
    if name is None:
        return None
    if is_tiny(name):
        try:
            return tiny_shape(name)
        except RooflineError:
            return None
    if not name.startswith(RANDOM):
        return None
    return known_models().get(name.removeprefix(RANDOM).lower())


def expected_bytes(result: Result) -> float | None:
    """Bytes of the weights over all ranks, as the settings store them; None where unknown."""
    shape = shape_of(result)
    if shape is None or result.settings is None:
        return None
    try:
        plan = plan_of(result.settings)
        plan.check(shape)
    except RooflineError:
        return None
    return weight_bytes(shape, plan) * plan.tp
