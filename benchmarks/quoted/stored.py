"""What was measured: results by part, and the records of the demo."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from quoted import stamp
from quoted.places import LOGS, RESULTS
from workshop.record.readers import read_logs
from workshop.record.results import Result
from workshop.stages import STAGES


class RenderingError(RuntimeError):
    """Something that is to be written was not measured: a sentence with what to do."""


@dataclass(frozen=True)
class Stored:
    """The results that docs are written from.

    Attributes:
        results: the folder of the parts' JSON files and of the stamp.
        logs: the folder of the demo's logs.
    """

    results: Path = RESULTS
    logs: Path = LOGS
    _read: dict[str, Any] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a part was measured."""
        return (self.results / f"{name}.json").exists()

    def part(self, name: str) -> Any:
        """What a part's file says; raises RenderingError where it was not measured."""
        if name not in self._read:
            path = self.results / f"{name}.json"
            if not path.exists():
                raise RenderingError(
                    f"{name} was not measured yet: python benchmarks/figures.py measure "
                    f"--only {name}"
                )
            self._read[name] = json.loads(path.read_text("utf-8"))
        return self._read[name]

    @cached_property
    def stamps(self) -> dict[str, stamp.Stamp]:
        return stamp.read(self.results / "stamp.json")

    def footer(self, part: str) -> str:
        """The line below what was measured by a part; raises RenderingError."""
        if part not in self.stamps:
            raise RenderingError(f"{part} has no stamp: measure it")
        return self.stamps[part].footer

    @cached_property
    def demo(self) -> dict[str, Result]:
        """The record of each stage of the demo; raises RenderingError where one has none."""
        found = {}
        for name in STAGES:
            path = self.logs / f"job-{name}.out"
            if not path.exists():
                raise RenderingError(f"there is no log {path}: measure the demo")
            (reading,) = read_logs([path])
            if reading.result.status != "ok":
                raise RenderingError(f"{path.name} has no complete result: measure the demo again")
            found[name] = reading.result
        return found

    def speed(self, stage: str) -> float:
        """tokens/s of a stage of the demo."""
        return self.demo[stage].tokens_per_second or 0.0
