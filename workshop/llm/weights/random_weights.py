"""Random weights of a known shape: speed without a download. What such a model says means nothing.

Drawing billions of numbers takes minutes, so about a million are drawn, on a CPU, where a seed
gives the same ones whatever the device is; each weight repeats them, on its own device.
"""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

from workshop.llm.config import Config
from workshop.llm.model import Llama
from workshop.llm.ranks.part import WHOLE, Part
from workshop.llm.weights.fill import Make, empty, fill, needed, part_of

# A prime: no row of a weight, whose length is never a multiple, is then the same as another.
DRAWN = 1048573
CPU = torch.device("cpu")


def random_model(
    config: Config,
    dtype: torch.dtype,
    seed: int = 0,
    device: torch.device = CPU,
    part: Part = WHOLE,
    make: Make | None = None,
) -> Llama:
    """A model with random weights: the same for a seed on every kind of device.

    Of a ``part``, the weights are those of the whole model's that the rank holds.

    Raises:
        ParallelError: the model cannot be split over so many ranks.
        GroupError: ``make`` cannot quantise it.
    """
    model = empty(config)
    drawn = torch.randn(DRAWN, generator=torch.Generator().manual_seed(seed))

    def weight(name: str, like: Tensor) -> Tensor:
        if like.dim() == 1:
            return torch.ones(like.shape, dtype=dtype, device=device)
        scale = 0.02 if "embed" in name else like.shape[1] ** -0.5
        numbers = (drawn * scale).to(dtype).to(device)  # rounded on the CPU: the same everywhere
        value = repeated(numbers, zlib.crc32(name.encode()) % DRAWN, like.shape)
        kept = part_of(name, like, config, part, make is not None)
        if kept is None:
            return value
        return value.narrow(kept.dim, kept.start, kept.stop - kept.start).clone(
            memory_format=torch.contiguous_format
        )

    weights = ((name, weight(name, like)) for name, like in needed(model).items())
    return fill(model, weights, device, dtype, part, make)


def repeated(numbers: Tensor, start: int, shape: torch.Size) -> Tensor:
    """A tensor of that shape whose values are ``numbers``, from ``start``, over and over."""
    block = numbers.roll(-start)
    value = numbers.new_empty(shape)
    flat = value.view(-1)
    whole = flat.numel() // DRAWN
    flat[: whole * DRAWN].view(whole, DRAWN).copy_(block.expand(whole, DRAWN))
    flat[whole * DRAWN :] = block[: flat.numel() - whole * DRAWN]
    return value
