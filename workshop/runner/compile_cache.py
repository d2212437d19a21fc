"""Where compiled graphs are kept, so that the next run need not compile again."""

from __future__ import annotations

import getpass
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
HEADERS = "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS"


def keep() -> Path | None:
    """Keep compiled graphs in the user's own cache directory, unless the user says where.

    To be called before torch is imported: torch puts a temporary directory into the variable
    itself, and from then on nobody can tell whose choice it was. Returns None where the directory
    cannot be written.
    """
    if not headers_are_ours():
        os.environ[HEADERS] = "0"
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


def headers_are_ours() -> bool:
    """Whether nobody else can write where torch keeps C++ headers that it has compiled beforehand.

    That is a directory of a name known to all in the temporary one, wherever graphs are kept
    (torch._inductor.codecache._HEADER_DIR), and what lies there becomes part of what runs. So it is
    made here first; where somebody else was quicker, torch has to do without.
    """
    folder = Path(tempfile.gettempdir()) / f"torchinductor_{user()}"
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        there = folder.lstat()
    except OSError:
        return False
    others = stat.S_IWGRP | stat.S_IWOTH
    return (
        stat.S_ISDIR(there.st_mode) and there.st_uid == os.getuid() and not there.st_mode & others
    )


def user() -> str:
    """This user as torch names the directory (torch._inductor.runtime.cache_dir_utils)."""
    try:
        return re.sub(r'[\\/:*?"<>|]', "_", getpass.getuser())
    except (KeyError, ImportError, OSError):
        return f"uid_{os.getuid()}"
