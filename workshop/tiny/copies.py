"""What ``tiny``, ``tiny:1`` and ``tiny:8`` mean: how often the embedded model has each channel.

The verifier is stored small, so that it can be shipped: 14 MB in bf16, which the last-level cache
of most processors holds. There, fewer bytes of weights are hardly faster to read. So ``tiny`` is
the same model widened as it is loaded (``workshop/llm/weights/widen.py``), until it is read from
memory; parameters, bytes and arithmetic grow with the square of the copies.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Protocol

from workshop.llm.config import Config, read_config
from workshop.stages import UsageError

TINY = "tiny"
COPIES = 4  # of each channel, in ``tiny``: 108.8 million parameters, 218 MB in bf16
# 3.4 GB in bf16. No processor's cache is larger (AMD's EPYC 9684X has 1.15 GB), and a checkpoint of
# that size takes no longer to read.
MOST_COPIES = 16
WEIGHTS = Path(__file__).parent / "weights"


class Record(Protocol):
    """The part of a run's record that says which model was run."""

    @property
    def model(self) -> str | None: ...
    @property
    def model_parameters(self) -> int | None: ...


def is_tiny(model: str) -> bool:
    """Whether ``--model`` means the embedded model, whatever number stands behind it."""
    return model == TINY or model.startswith(f"{TINY}:")


def copies_of(model: str) -> int:
    """How many copies of each channel the embedded model of that name has.

    Raises:
        UsageError: what stands behind ``tiny:`` is no such number.
    """
    if model == TINY:
        return COPIES
    number = model.removeprefix(f"{TINY}:")
    if number.isascii() and number.isdigit() and len(number) < 4:
        copies = int(number)
        if number == str(copies) and 1 <= copies <= MOST_COPIES:
            return copies
    raise UsageError(
        f"there is no model {model!r}: the embedded model is widened by a whole number, from "
        f"{TINY}:1 (as it is stored) to {TINY}:{MOST_COPIES}; {TINY} alone is {TINY}:{COPIES}"
    )


def name_of(copies: int) -> str:
    """The shortest name of the embedded model with that many copies."""
    return TINY if copies == COPIES else f"{TINY}:{copies}"


@cache
def shape_with(copies: int) -> Config:
    """The shape of the embedded model with that many copies of each channel."""
    return read_config(WEIGHTS / "verifier" / "config.json").widened(copies)


def model_of(record: Record) -> str | None:
    """The model of a record, by one name for each: the one that it has today.

    Records from before the embedded model was widened call ``tiny`` what is ``tiny:1`` now; their
    parameters tell.
    """
    name = record.model
    if name is None or not is_tiny(name):
        return name
    if name == TINY:
        for copies in range(1, MOST_COPIES + 1):
            if shape_with(copies).parameters == record.model_parameters:
                return name_of(copies)
        return TINY
    try:
        return name_of(copies_of(name))
    except UsageError:  # of a later version, or made up
        return name
