"""The embedded model's widths: what ``tiny``, ``tiny:1`` and ``tiny:8`` mean.

The verifier is stored small, so that it can be shipped: 14 MB in bf16, which the last-level cache
of most processors holds. There, fewer bytes of weights are hardly faster to read. So ``tiny`` is
the same model widened as it is loaded (``workshop/llm/weights/widen.py``), until it is read from
memory; parameters, bytes and arithmetic grow with the square of the copies.
"""

from __future__ import annotations

from dataclasses import replace

from workshop.roofline.errors import RooflineError
from workshop.roofline.shape import Shape

TINY = "tiny"
COPIES = 4  # of each channel, in ``tiny``: 108.8 million parameters, 218 MB in bf16
# 3.4 GB in bf16. No processor's cache is larger (AMD's EPYC 9684X has 1.15 GB), and a checkpoint of
# that size takes no longer to read.
MOST_COPIES = 16


def is_tiny(model: str) -> bool:
    """Whether ``--model`` means the embedded model, whatever stands behind its name."""
    return model == TINY or model.startswith(f"{TINY}:")


def copies_of(model: str) -> int:
    """How many copies of each channel the embedded model of that name has.

    Raises:
        RooflineError: what stands behind ``tiny:`` is no such number.
    """
    if model == TINY:
        return COPIES
    number = model.removeprefix(f"{TINY}:")
    if number in map(str, range(1, MOST_COPIES + 1)):
        return int(number)
    raise RooflineError(
        f"there is no model {model!r}: the embedded model is widened by a whole number, from "
        f"{TINY}:1 (as it is stored) to {TINY}:{MOST_COPIES}; {TINY} alone is {TINY}:{COPIES}"
    )


def name_of(copies: int) -> str:
    """The shortest name of the embedded model with that many copies."""
    return TINY if copies == COPIES else f"{TINY}:{copies}"


def widened(small: Shape, copies: int) -> Shape:
    """The shape with so many copies of each channel and head; its head is no longer tied."""
    if copies == 1:
        return small
    wider = {one: getattr(small, one) * copies for one in ("dim", "heads", "kv_heads", "hidden")}
    return replace(small, name=name_of(copies), tied=False, **wider)
