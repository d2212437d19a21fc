"""Where the material beside the code is: at the top of a checkout, inside an installed package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def folder(name: str) -> Path:
    """The folder ``templates``, ``exercises`` or ``solutions``."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name
