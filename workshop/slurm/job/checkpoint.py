"""Where a job finds the model that ``--model`` names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workshop.roofline.widths import is_tiny
from workshop.tiny.copies import copies_of
from workshop.util.errors import UsageError


def checkpoint_of(model: str, checkpoints: str | None) -> str:
    """What ``--model`` names, as a path that every node finds: also one of the class's directory.

    Raises:
        UsageError: neither a known name nor a directory.
    """
    if is_tiny(model):
        copies_of(model)  # refused here, and not in the job
        return model
    if model.startswith("random:"):
        return model
    for place in [Path(model).expanduser(), *([Path(checkpoints) / model] if checkpoints else [])]:
        if place.is_dir():
            return str(place.resolve())
    there = names_in(Path(checkpoints)) if checkpoints else []
    raise UsageError(
        f"the model {model!r} is neither a checkpoint directory, nor 'tiny', nor 'random:<shape>'"
        + (f"; {checkpoints} has {', '.join(there)}" if there else "")
    )


def names_in(directory: Path) -> Sequence[str]:
    try:
        return sorted(path.name for path in directory.iterdir() if path.is_dir())
    except OSError:
        return []
