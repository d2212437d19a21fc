"""Which of its widths the embedded model is asked for by, where a mistake is the user's."""

from __future__ import annotations

from pathlib import Path

from workshop.roofline import widths
from workshop.roofline.errors import RooflineError
from workshop.util.errors import UsageError

WEIGHTS = Path(__file__).parent / "weights"


def copies_of(model: str) -> int:
    """How many copies of each channel the embedded model of that name has; raises UsageError."""
    try:
        return widths.copies_of(model)
    except RooflineError as error:
        raise UsageError(str(error)) from None
