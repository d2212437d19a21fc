"""The log of a measurement: lines for people, and a record for each level, as it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from workshop.record.results import PREFIX
from workshop.serving.records import Record
from workshop.serving.words import lines_of
from workshop.util.errors import UsageError


@dataclass
class Log:
    """Where a measurement's lines go, at once: what was measured outlives a kill.

    Attributes:
        show: shows a line to the user; None keeps silent.
        path: a file that gets the whole log. Without one, the user is shown the records as well.
        records: those of the levels that have ended.
    """

    show: Callable[[str], None] | None
    path: Path | None = None
    records: list[Record] = field(default_factory=list)
    _file: TextIO | None = None

    def __post_init__(self) -> None:
        """Raises UsageError: the file exists, or its folder does not."""
        if self.path is None:
            return
        if self.path.exists():
            raise UsageError(f"{self.path} exists: remove it, or name another file with --output")
        if not self.path.parent.is_dir():
            raise UsageError(f"there is no folder {self.path.parent} to write {self.path.name} in")

    def say(self, line: str) -> None:
        """A line for people."""
        self._write(line)
        if self.show is not None:
            self.show(line)

    def keep(self, record: Record) -> None:
        """The record of a level, below its lines."""
        self.records.append(record)
        for line in lines_of(record):
            self.say(line)
        line = PREFIX + record.as_json
        self._write(line)
        if self.show is not None and self.path is None:
            self.show(line)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, line: str) -> None:
        if self.path is None:
            return
        if self._file is None:
            self._file = self.path.open("x", encoding="utf-8", errors="backslashreplace")
        self._file.write(line + "\n")
        self._file.flush()
