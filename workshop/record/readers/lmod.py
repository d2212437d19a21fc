"""Lmod's sentence about a module that it cannot load, which it breaks at the terminal's width."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workshop.record.readers.endings_modules import ANOTHER_MODULE, LOAD_FIRST, UNLOAD
from workshop.util.text import one_line

STARTS = "Lmod has detected the following error:"
_LINES = 8  # of the sentence, at most
_NAMED = 80  # characters of a name that are repeated
_BRIEF = 120  # characters of a message that are repeated
_ENDS = "While processing the following module(s):"
_QUOTED = re.compile(r'"([^"]+)"')
_REPORT = "take another version of it, and report it to your support"


@dataclass(frozen=True)
class Saying:
    """A sentence of Lmod's as a whole: its pattern, what to tell of it, and what to do.

    Both are filled with the pattern's groups: ``name``, the module; ``other``, those that it wants
    or that are in its way; ``why``, what a module file says.
    """

    pattern: re.Pattern[str]
    reason: str
    advice: str


_ONE = r'Cannot load module "(?P<name>[^"]+)"[.,]? *'
SAYINGS = (
    Saying(
        re.compile(_ONE + r"because these module\(s\) are loaded: *(?P<other>.+)"),
        "the module {name} cannot be loaded beside {other}, which is loaded",
        UNLOAD.replace("{name}", "{other}"),
    ),
    Saying(
        re.compile(_ONE + r"without these module\(s\) loaded: *(?P<other>.+)"),
        "the module {name} needs {other}, not all of which is loaded",
        LOAD_FIRST.replace("{name}", "{other}"),
    ),
    Saying(  # "At least one of these module(s) must be loaded: ..."
        re.compile(_ONE + r"(?P<why>.+)"),
        "the module {name} cannot be loaded: {why}",
        "put the modules that it asks for before it in the setup of the cluster's description",
    ),
    Saying(
        re.compile(
            r"You can only have one .{1,80}? module loaded at a time\. You already have "
            r"(?P<other>\S+) loaded\..*"
        ),
        "a module cannot be loaded beside {other}, which is loaded and of the same family",
        UNLOAD.replace("{name}", "{other}"),
    ),
    Saying(
        re.compile(
            r"Your site prevents the automatic swapping of modules with same name\. You must "
            r'explicitly unload the loaded version of "(?P<other>[^"]+)".*'
        ),
        "another version of the module is loaded, {other}, and this site does not swap them",
        UNLOAD.replace("{name}", "{other}"),
    ),
    Saying(
        re.compile(
            r"Unable to load module(?: \S{1,80})? because of error when evaluating modulefile: *"
            r"/\S+: (?P<why>.+?)(?: Please check the modulefile.*)?"
        ),
        "a module is broken: {why}",
        _REPORT,
    ),
    Saying(
        re.compile(r"/\S+: +\((?P<name>[^()\s]+)\): +(?P<why>.+)"),
        "the module {name} is broken: {why}",
        _REPORT,
    ),
    Saying(  # LmodError of a module file
        re.compile(r"(?P<why>.+)"),
        "Lmod loaded no module: {why}",
        "try the 'module load' yourself",
    ),
)


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
    for saying in SAYINGS:
        match = saying.pattern.fullmatch(sentence)
        if match is not None:
            parts = {
                name: one_line(text, _BRIEF if name == "why" else _NAMED)
                for name, text in match.groupdict().items()
            }
            return Refusal(
                saying.reason.format(**parts), saying.advice.format(**parts), f"{STARTS} {sentence}"
            )
    return None
