"""What cannot be predicted."""

from __future__ import annotations


class RooflineError(ValueError):
    """A model, device or number that nothing can be predicted for; one sentence says why."""
