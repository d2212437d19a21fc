"""What a look at the cluster has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "doubt", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: doubt is what Slurm alone can decide; problem is what is sure to fail.
        what: what was found, in a sentence without its full stop.
        why: why it matters.
        todo: what to do or to type; None where all is well.
    """

    level: Level
    what: str
    why: str
    todo: str | None = None

    @property
    def sentence(self) -> str:
        return f"{self.what}: {self.todo}" if self.todo else self.what


def one_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
