"""Which commit each part was measured at, when, where, and what it depended on then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from quoted import code
from quoted.host import Host
from quoted.parts import PARTS, Part
from quoted.places import ROOT, STAMP

COMMIT = 10  # digits of a commit that are shown


@dataclass(frozen=True)
class Stamp:
    """Where the figures of a part come from.

    Attributes:
        commit: that the checkout was at; with '+' behind it, what the part depends on was changed.
        date: YYYY-MM-DD, in UTC.
        command: as people would type it.
        speed_hash: over what the part's figures depend on.
        seconds: that it took.
        busy: who else used the processors; None where nobody did.
        left_out: what was not measured, and why.
    """

    commit: str
    date: str
    command: str
    speed_hash: str
    torch: str
    host: Host
    seconds: float
    busy: str | None
    left_out: tuple[str, ...] = ()

    @property
    def footer(self) -> str:
        """The last line of a block: at which commit, on what, when and by what."""
        others = ", while other processes used it" if self.busy else ""
        left_out = f" Left out: {'; '.join(self.left_out)}." if self.left_out else ""
        return (
            f"Measured at commit {self.commit} on {self.host.words}{others}, {self.date}, "
            f"torch {self.torch}: `{self.command}`.{left_out}"
        )


def read(path: Path = STAMP) -> dict[str, Stamp]:
    """Part -> its stamp; empty where nothing was measured yet."""
    if not path.exists():
        return {}
    stored = json.loads(path.read_text("utf-8"))
    return {
        name: Stamp(**{**one, "host": Host(**one["host"]), "left_out": tuple(one["left_out"])})
        for name, one in stored.items()
    }


def write(stamps: Mapping[str, Stamp], path: Path = STAMP) -> None:
    """In the order of the parts."""
    order = [*PARTS, *sorted(stamps.keys() - PARTS.keys())]
    ordered = {name: asdict(stamps[name]) for name in order if name in stamps}
    path.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", "utf-8")


def speed_hash(part: Part, root: Path = ROOT) -> str:
    return code.digest(root, part.sources)


def stale(parts: Iterable[Part], stamps: Mapping[str, Stamp], root: Path = ROOT) -> list[str]:
    """The parts that were never measured, or whose sources have changed since."""
    return [
        part.name
        for part in parts
        if part.name not in stamps or stamps[part.name].speed_hash != speed_hash(part, root)
    ]
