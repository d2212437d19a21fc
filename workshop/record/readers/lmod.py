"""Lmod's sentence about a module that it cannot load, which it breaks at the terminal's width."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workshop.record.readers.endings_setup import ANOTHER_MODULE
from workshop.record.readers.text import one_line

STARTS = "Lmod has detected the following error:"
_LINES = 6  # of the sentence, at most
_NAMED = 80  # characters of a name that are repeated
_BRIEF = 120  # characters of a message that are repeated
_ENDS = "While processing the following module(s):"
_QUOTED = re.compile(r'"([^"]+)"')
_OF_A_FILE = re.compile(r"/\S+: +\((?P<name>[^()\s]+)\): +(?P<why>.+)")
_CANNOT = re.compile(r'Cannot load module "(?P<name>[^"]+)"[.,]? *(?P<why>.+)')
_REPORT = "take another version of it, and report it to your support"
_OTHERS = "put the modules that it asks for before it in the setup of the cluster's description"


@dataclass(frozen=True)
class Refusal:
    """What Lmod refused, why, and what to do.

    Attributes:
        sentence: Lmod's own, as far as it was needed.
    """

    reason: str
    advice: str
    sentence: str


@dataclass
class Lmod:
    """Hears a log's lines; a sentence that does not end soon is none."""

    _heard: list[str] = field(default_factory=list)

    @property
    def is_speaking(self) -> bool:
        """Whether a sentence has begun and not ended."""
        return bool(self._heard)

    def hear(self, line: str) -> Refusal | None:
        """Take a line; what Lmod refused, if its sentence ends with this line or is clear."""
        if line.startswith(STARTS):
            self._heard = [line.removeprefix(STARTS).strip()]
            return self._named()
        if not self._heard:
            return None
        if not line.strip() or line.startswith(_ENDS):
            refusal = _refusal(" ".join(self._heard))
            self._heard = []
            return refusal
        self._heard.append(line.strip())
        if (named := self._named()) is not None:
            return named
        if len(self._heard) > _LINES:
            self._heard = []
        return None

    def _named(self) -> Refusal | None:
        """What the two sentences that end with a name say; their line may go on after it."""
        sentence = " ".join(self._heard)
        match = _QUOTED.search(sentence)
        if match is None:
            return None
        name, start = one_line(match[1], _NAMED), sentence[: match.end()]
        if "are unknown" in start:
            reason, advice = f"the module {name} is not there", ANOTHER_MODULE.format(name=name)
        elif "cannot be loaded" in start:
            reason = f"the module {name} cannot be loaded before others that it needs"
            advice = f"'module spider {name}' names them: put them before it in the description"
        else:
            return None
        self._heard = []
        return Refusal(reason, advice, f"{STARTS} {start}")


def _refusal(sentence: str) -> Refusal | None:
    """What a whole sentence says."""
    if not sentence:
        return None
    whole = f"{STARTS} {sentence}"
    if match := _CANNOT.fullmatch(sentence):
        name, why = one_line(match["name"], _NAMED), one_line(match["why"], _BRIEF)
        return Refusal(f"the module {name} cannot be loaded: {why}", _OTHERS, whole)
    if match := _OF_A_FILE.fullmatch(sentence):
        name, why = one_line(match["name"], _NAMED), one_line(match["why"], _BRIEF)
        return Refusal(f"the module {name} is broken: {why}", _REPORT, whole)
    why = one_line(sentence, _BRIEF)
    return Refusal(f"Lmod loaded no module: {why}", "try the 'module load' yourself", whole)
