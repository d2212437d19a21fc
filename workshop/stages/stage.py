"""What a stage is: all that anything says of it, in one record.

Each stage is a module beside this one, which fills in every field. None has a default, so what is
missing does not import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from workshop.stages.settings import Settings


class Measured(Protocol):
    """What of a run's record (``workshop.record.results.Result``) explains its speed."""

    @property
    def stage(self) -> str | None: ...
    @property
    def settings(self) -> Settings | None: ...
    @property
    def tokens_per_second(self) -> float | None: ...
    @property
    def tpot_seconds(self) -> float | None: ...
    @property
    def bandwidth_gb_per_second(self) -> float | None: ...
    @property
    def mbu(self) -> float | None: ...
    @property
    def mean_accepted(self) -> float | None: ...
    @property
    def acceptance_rate(self) -> float | None: ...
    @property
    def world_size(self) -> int | None: ...
    @property
    def threads(self) -> int | None: ...
    @property
    def compile_seconds(self) -> float | None: ...
    @property
    def dtype(self) -> str | None: ...
    @property
    def conditions(self) -> Mapping[str, object]: ...


@dataclass(frozen=True)
class Expectation:
    """What a stage should do to the time of a token, and why."""

    sentence: str
    formula: str


SYMBOLS = (
    "P: parameters; b: bytes of each; BW: memory bandwidth; n: ranks; L: layers; "
    "a: probability that a proposed token is accepted, given that those before it were; "
    "k: proposed tokens per pass; c: cost of a pass in plain decode steps."
)


@dataclass(frozen=True)
class Look:
    """How a stage is drawn: told apart by colour, by hatch or marker, and by name.

    Attributes:
        color, dark: of its bar on a light and on a dark ground. Lightness falls from stage to
            stage, so that a grey print keeps them apart.
        hatch, marker: matplotlib's, of a bar and of a point.
    """

    color: str
    dark: str
    hatch: str
    marker: str


@dataclass(frozen=True)
class Stage:
    """One step of the lesson.

    Attributes:
        against: the earlier stage that this one is measured against; None for the first.
        changes: the settings that differ from that stage's: one, and only one.
        summary: the change, in a participant's words.
        template: the job script's, in ``templates/``.
        expectation: what theory lets one expect of it.
        explain: (result, the result of the stage it builds on) -> why it ran at that speed, in a
            sentence.
        may_differ: why its greedy tokens may differ from those of the stage it builds on, as the
            end of a sentence that begins with "They may:"; None of the first stage.
        words: what other tools' logs call it by, in lower case.
        shows: whether the record of another tool's log has a trace of this stage's technique.
    """

    name: str
    against: str | None
    changes: dict[str, Any]
    summary: str
    template: str
    expectation: Expectation
    explain: Callable[[Measured, Measured], str]
    may_differ: str | None
    look: Look
    words: frozenset[str]
    shows: Callable[[Measured], bool]
