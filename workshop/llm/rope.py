"""Rotary position embedding: how fast each pair of dimensions turns, and how far it has turned.

Su et al. 2021, https://arxiv.org/abs/2104.09864. Models whose context was made longer after
training turn more slowly: all pairs alike (``linear``, Chen et al. 2023,
https://arxiv.org/abs/2306.15595), or only those that turn less than once or so over the context
that the model was trained at (``llama3``, Llama 3.1, https://arxiv.org/abs/2407.21783).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workshop.llm.config import RopeScaling


def frequencies(size: int, theta: float, scaling: RopeScaling | None) -> Tensor:
    """Radians that each pair of a head of ``size`` turns from one position to the next: [size/2].

    float32.
    """
    pairs = torch.arange(0, size, 2, dtype=torch.float32)
    turning = theta ** (-pairs / size)
    if scaling is None:
        return turning
    slowed = turning / scaling.factor
    if scaling.low is None or scaling.high is None or scaling.trained is None:
        return slowed
    turns = scaling.trained * turning / (2 * math.pi)
    kept = ((turns - scaling.low) / (scaling.high - scaling.low)).clamp(0, 1)
    return kept * turning + (1 - kept) * slowed


def rope_table(
    size: int, context: int, theta: float, scaling: RopeScaling | None = None
) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every position, [context, size] each, float32."""
    positions = torch.arange(context, dtype=torch.float32)
    angles = torch.outer(positions, frequencies(size, theta, scaling))
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn x [B, H, T, D] by the angles whose cosines and sines are given.

    Dimension i turns together with i + D/2, the layout of Hugging Face checkpoints.
    """
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin
