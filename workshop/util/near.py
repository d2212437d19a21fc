"""Did you mean: the nearest of the names there are."""

from __future__ import annotations

from collections.abc import Iterable


def close(word: str, among: Iterable[str]) -> str:
    """A suggestion, in brackets, or nothing where no spelling is close."""
    import difflib  # for a mistake only: it takes its time to load

    near = difflib.get_close_matches(word, list(among), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
