"""Texts over marks of one column, which neither touch each other nor hide a mark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workshop.figures.sheet import text_height


@dataclass(frozen=True)
class Note:
    """A text that belongs over a height ``y`` of the axis, in type of ``size`` points.

    Without text, it is only a mark that no text may hide.
    """

    text: str
    y: float
    size: float

    @property
    def points(self) -> float:
        return text_height(self.text, self.size)


def stacked(
    notes: Sequence[Note], points_of: Callable[[float], float], air: float
) -> list[tuple[Note, float, float]]:
    """Each note with the height that it hangs at, and the points above that height.

    Notes whose texts would reach the next mark are put together, over the highest of their marks.
    ``points_of`` tells how far up the panel a height is.
    """
    clusters: list[list[Note]] = []
    for note in sorted(notes, key=lambda note: note.y):
        if clusters and points_of(note.y) < points_of(clusters[-1][-1].y) + _room(
            clusters[-1], air
        ):
            clusters[-1].append(note)
        else:
            clusters.append([note])
    placed = []
    for cluster in clusters:
        lift = air
        for note in (note for note in cluster if note.text):
            placed.append((note, cluster[-1].y, lift))
            lift += note.points + air
    return placed


def _room(cluster: Sequence[Note], air: float) -> float:
    """Points that the texts of a cluster take, with air around each."""
    return sum(note.points + air for note in cluster) + air
