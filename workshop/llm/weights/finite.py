"""Weights that are numbers."""

from __future__ import annotations

import math
from pathlib import Path

from torch import Tensor

from workshop.llm.weights.safetensors_file import CheckpointError


def check_finite(path: Path, name: str, value: Tensor) -> Tensor:
    """The tensor, if all that is in it are finite numbers; one pass, without a copy.

    Raises:
        CheckpointError: there is a NaN or an infinity.
    """
    if value.is_floating_point() and value.numel():
        low, high = (float(edge) for edge in value.aminmax())
        if not (math.isfinite(low) and math.isfinite(high)):
            kind = "NaN" if math.isnan(low) or math.isnan(high) else "infinity"
            raise CheckpointError(
                f"{path}: the tensor {name} holds {kind}, so the model's answers would be "
                "meaningless: copy or download it again, or take an earlier checkpoint of the "
                "training"
            )
    return value
