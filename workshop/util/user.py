"""Who runs this."""

from __future__ import annotations

import getpass
import os


def user() -> str:
    """Who runs this; the number where the system has no name for it, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
