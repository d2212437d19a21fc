"""What a participant's folder is called: safe on every file system, the same at every run."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Sequence

LONGEST = 64
_UNSAFE = re.compile(r"[^A-Za-z0-9._@+-]+")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # on Windows


def folders(ids: Sequence[str]) -> list[str]:
    """A name for each id, all different, even where capitals count for nothing.

    An id that is a safe name already is its own; another, or one of two that differ in capitals
    only, is followed by a part of its digest. The same id twice gets a number.
    """
    names = [_readable(one) for one in ids]
    alike = Counter(name.lower() for name in dict(zip(ids, names, strict=True)).values())
    distinct = [
        name if name == one and alike[name.lower()] == 1 else f"{name}-{_digest(one)}"
        for one, name in zip(ids, names, strict=True)
    ]
    taken: dict[str, None] = {}
    for name in distinct:
        again = (f"{name}-{number}" for number in itertools.count(2))
        taken[next(free for free in itertools.chain([name], again) if free not in taken)] = None
    return list(taken)


def _readable(one: str) -> str:
    readable = _UNSAFE.sub("_", one[:LONGEST]).lstrip(".-").rstrip(".")
    return f"_{readable}" if _RESERVED.fullmatch(readable) else readable or "_"


def _digest(one: str) -> str:
    return hashlib.sha256(one.encode("utf-8", "surrogatepass")).hexdigest()[:8]
