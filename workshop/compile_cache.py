"""Where compiled graphs are kept, so that the next run need not compile again."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


def keep() -> Path | None:
    """Keep compiled graphs in the user's own cache directory, unless the user says where.

    To be called before torch is imported: torch puts a temporary directory into the variable
    itself, and from then on nobody can tell whose choice it was. Returns None where the directory
    cannot be written.
    """
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    path = usual_place()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(path, os.W_OK):
        return None
    os.environ[VARIABLE] = str(path)
    return path


def usual_place() -> Path:
    """Where graphs are kept unless the user says where."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "workshop" / "inductor"
