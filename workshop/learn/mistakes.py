"""Which mistake explains a wrong result: the one that gives just that result, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

Tells = Callable[[], bool]


def only_cause(causes: Mapping[str, Tells] | Iterable[tuple[str, Tells]]) -> str | None:
    """The cause that holds, if all that hold say the same; None without one, or with several.

    Args:
        causes: what to say, and whether that mistake gives the result at hand. A mistake that
            cannot even be made with the inputs at hand (it would read past an end) is not the one.
    """
    pairs = causes.items() if isinstance(causes, Mapping) else causes
    found = {cause for cause, tells in pairs if holds(tells)}
    return found.pop() if len(found) == 1 else None


def holds(tells: Tells) -> bool:
    try:
        return tells()
    except (IndexError, RuntimeError, ValueError):
        return False
