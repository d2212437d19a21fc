"""How fast files are read: checkpoints and logs."""

from __future__ import annotations

from quoted.stored import Stored
from quoted.words import digits, spread, table

WAYS = {
    "cat": "`cat file > /dev/null`",
    "load": "loading",
    "map and copy": "mapping the file and copying each tensor",
}


def checkpoints(stored: Stored) -> str:
    """GB/s of loading a checkpoint, beside reading its bytes."""
    found = stored.part("loading")
    rows = [
        (words, *(spread(found["gb_per_second"][f"{way}, {how}"]) for how in ("cold", "warm")))
        for way, words in WAYS.items()
    ]
    return (
        f"{table(('', 'from the disk', 'from the page cache'), rows)}\n\n"
        f"GB/s of {found['gb']:.2f} GB, medians of {found['rounds']} rounds, with minimum and "
        f"maximum in brackets.\n\n{stored.footer('loading')}"
    )


def logs(stored: Stored) -> str:
    """MB/s of large logs, logs/s of small ones, and the memory that it takes."""
    found = stored.part("reading")["logs"]
    large = [
        (
            one["log"],
            digits(one["megabytes"] / one["seconds"]),
            f"{one['results']:,}",
            f"{one['peak_bytes'] / 1e6:.1f}",
        )
        for one in found
        if "megabytes" in one
    ]
    small = [
        (one["log"], f"{one['logs']:,}", f"{one['seconds']:.1f}") for one in found if "logs" in one
    ]
    return (
        f"{table(('large log', 'MB/s', 'results', 'peak memory, MB'), large)}\n\n"
        f"{table(('', 'logs', 'seconds'), small)}\n\n{stored.footer('reading')}"
    )
