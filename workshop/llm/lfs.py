"""Git LFS pointers: a few lines in place of a file that was not downloaded.

https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

from __future__ import annotations

from pathlib import Path

START = b"version https://git-lfs.github.com/spec/"


def is_pointer(path: Path) -> bool:
    """Whether a file is a pointer; False for one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(START)) == START
    except OSError:
        return False


def sentence(path: Path) -> str:
    """What to do about a pointer."""
    return (
        f"{path}: a Git LFS pointer stands in place of the file: run `git lfs pull` in its "
        "repository, or download the file itself"
    )
