"""The lines of a file that is still being written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

POLL_SECONDS = 0.1


def follow(path: Path, done: Callable[[], bool], start: int = 0) -> Iterator[str]:
    """Lines of a growing file from byte ``start`` on, without their ends, until ``done``."""
    with path.open(encoding="utf-8", errors="replace") as file:
        if start:
            file.seek(start)
        rest = ""
        while True:
            finished = done()
            rest += file.read()
            *lines, rest = rest.split("\n")
            yield from lines
            if finished:
                if rest:
                    yield rest
                return
            time.sleep(POLL_SECONDS)
