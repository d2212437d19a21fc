"""How many guesses of speculative decoding were accepted, from what servers print of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workshop.record.readers.units import count, number


@dataclass(frozen=True)
class Acceptance:
    """Fields of a result, by their names there; None for what a source does not say."""

    mean_accepted: float | None = None
    acceptance_rate: float | None = None
    acceptance_by_position: list[float] | None = None


def acceptance(
    length: object = None,
    percent: object = None,
    drafts: object = None,
    drafted: object = None,
    accepted: object = None,
    shares: Sequence[object] = (),
) -> Acceptance:
    """Acceptance from numbers as they are printed; counts are more precise than what follows.

    Args:
        length: tokens of a verifier's pass, with the one that it makes itself.
        percent: of the drafted tokens that were accepted.
        drafts: passes that verified guesses.
        drafted: tokens that were guessed in them.
        accepted: guesses that were accepted.
        shares: of the passes that accepted a first guess, a second, ...; 0 to 1.
    """
    taken = count(accepted)
    return Acceptance(
        _mean(number(length), taken, count(drafts)),
        _rate(number(percent), taken, count(drafted)),
        _by_position(shares),
    )


def _mean(length: float | None, accepted: int | None, drafts: int | None) -> float | None:
    if accepted is not None and drafts:
        return accepted / drafts
    return length - 1 if length is not None and length >= 1 else None


def _rate(percent: float | None, accepted: int | None, drafted: int | None) -> float | None:
    if accepted is not None and drafted and accepted <= drafted:
        return accepted / drafted
    return percent / 100 if percent is not None and percent <= 100 else None


def _by_position(shares: Sequence[object]) -> list[float] | None:
    found = [number(share) for share in shares]
    kept = [share for share in found if share is not None and share <= 1]
    return kept if kept and len(kept) == len(found) else None
