"""What a look at the cluster has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "doubt", "problem"]
SHOWN = 8  # names of a list


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: doubt is what Slurm alone can decide; problem is what is sure to fail.
        what: what was found, in a sentence without its full stop.
        why: why it matters.
        todo: what to do or to type; None where all is well.
        refused: Slurm itself refuses such a job, so that it may be left to say so.
    """

    level: Level
    what: str
    why: str
    todo: str | None = None
    refused: bool = False

    @property
    def sentence(self) -> str:
        return f"{self.what}: {self.todo}" if self.todo else self.what


def one_of(names: Sequence[str]) -> str:
    """The only name, or the first of several; there must be one."""
    return names[0] if len(names) == 1 else f"one of {listed(names)}"


def listed(names: Sequence[str]) -> str:
    """A list of names for a sentence, cut short where it is long."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def another(option: str, names: Sequence[str]) -> str:
    """What to type in place of a value: one of the names, or whom to ask where none is known."""
    if names:
        return f"use {option} with {one_of(names)}"
    return f"ask your instructor what to give as {option}: Slurm shows you none"


def counted(number: int, thing: str) -> str:
    """1 node, 2 nodes."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def up_to(option: str, most: int) -> str:
    """--nodes 1, --nodes 2 or fewer."""
    return f"use {option} {most}{' or fewer' if most > 1 else ''}"
