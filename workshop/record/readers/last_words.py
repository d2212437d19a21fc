"""Why a log has no result: what Slurm, the shell, modules, conda, Python and CUDA said last.

Every pattern is held against a whole line, and the model's lines, which a bar sets off, never
count. Of several lines the most telling wins: a cause before its consequence, else the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from workshop.record.readers.endings import ANOTHER_MODULE, RULES, Telling
from workshop.record.readers.text import one_line

LONGEST = 1000  # characters of a line that are looked at
_LMOD_LINES = 3  # within which Lmod names the module
_NAMED = 80  # characters of a name that are repeated
_BRIEF = 120  # characters of a message that are repeated


@dataclass(frozen=True)
class LastWords:
    """Why a run ended without a result.

    Attributes:
        reason: one sentence.
        advice: what to do next; None where there is nothing to say.
        line: where it was read.
    """

    reason: str
    advice: str | None
    line: str


_RULES = tuple((rule, re.compile(rule.pattern)) for rule in RULES)
# Nearly no line fits any: to ask all of them at once is several times as fast.
_ANY_RULE = re.compile("|".join(re.sub(r"\(\?P<\w+>", "(?:", rule.pattern) for rule in RULES))
_PREFIX = re.compile(r"\[rank ?\d+\]:? |\d+: ")  # torch's, ours, srun --label's
_MARKED = "workshop: setup failed"
_MARKER = re.compile(_MARKED + r" \(exit code (?P<code>\d+)\): (?P<command>.+)")
_LMOD = "Lmod has detected the following error:"
_LMOD_NAME = re.compile(r'"([^"]+)"')
_TRACEBACK = "Traceback (most recent call last):"
# What multiprocessing raises because a child did is no cause.
_EXCEPTION = re.compile(
    r"(?!.*Process(?:Raised|Exited)Exception)(?P<name>[A-Za-z_][\w.]*)(?:: .*)?"
)


@dataclass(frozen=True)
class _Found:
    telling: Telling
    words: LastWords


@dataclass
class Listener:
    """Hears a log line by line, and remembers what tells most."""

    _best: _Found | None = None
    _cause: _Found | None = None  # the latest: what a setup line said before it failed
    _lmod: list[str] = field(default_factory=list)  # Lmod's sentence, as far as it was heard
    _traceback: bool = False

    @property
    def words(self) -> LastWords | None:
        return self._best.words if self._best else None

    def hear(self, line: str) -> None:
        """Take one line, without its end."""
        line = line[:LONGEST].rstrip()
        if line.lstrip().startswith("|"):  # the model's
            return
        line = _PREFIX.sub("", line, count=1) if _PREFIX.match(line) else line
        found = self._lmods(line) or self._markers(line) or by_rule(line) or self._exceptions(line)
        if found is None:
            return
        if found.telling in (Telling.CAUSE, Telling.HINT):
            self._cause = found
        if self._best is None or found.telling < self._best.telling:
            self._best = found

    def _markers(self, line: str) -> _Found | None:
        """Our job script's word for a setup line that failed, and why it did."""
        match = _MARKER.fullmatch(line) if line.startswith(_MARKED) else None
        if match is None:
            return None
        command, code = one_line(match["command"], _BRIEF), match["code"]
        if self._cause is None:
            words = LastWords(
                f"the setup line '{command}' failed with exit code {code}",
                "try that line on a node, and mend it in the cluster's description",
                line,
            )
        else:
            said = self._cause.words
            words = LastWords(f"{said.reason} ({command} failed)", said.advice, said.line)
        return _Found(Telling.SETUP, words)

    def _lmods(self, line: str) -> _Found | None:
        """Lmod's word for a module; it breaks its sentence anywhere, and names the module last."""
        if line.startswith(_LMOD):
            self._lmod = []
        elif not self._lmod:
            return None
        self._lmod = [*self._lmod, line.strip()]
        sentence = " ".join(self._lmod)
        match = _LMOD_NAME.search(sentence)
        if match is None:
            if len(self._lmod) > _LMOD_LINES:
                self._lmod = []
            return None
        self._lmod = []
        name, start = one_line(match[1], _NAMED), sentence[: match.end()]
        if "are unknown" in start:
            reason, advice = f"the module {name} is not there", ANOTHER_MODULE.format(name=name)
        elif "cannot be loaded" in start:
            reason = f"the module {name} cannot be loaded before others that it needs"
            advice = f"'module spider {name}' names them: put them before it in the description"
        else:
            reason, advice = f"Lmod could not load {name}", f"try 'module load {name}' yourself"
        return _Found(Telling.CAUSE, LastWords(reason, advice, start))

    def _exceptions(self, line: str) -> _Found | None:
        """An exception that Python ended with: the first line after a traceback's own."""
        if line == _TRACEBACK:
            self._traceback = True
            return None
        if not self._traceback or not line or line.startswith(" "):
            return None
        self._traceback = False
        if _EXCEPTION.fullmatch(line) is None:
            return None
        words = LastWords(
            f"Python ended with {one_line(line, _BRIEF)}", "the log has the whole traceback", line
        )
        return _Found(Telling.EXCEPTION, words)


def by_rule(line: str) -> _Found | None:
    """What the first rule that fits says of a line."""
    stripped = line.lstrip()
    if _ANY_RULE.fullmatch(stripped) is None:
        return None
    for rule, pattern in _RULES:
        match = pattern.fullmatch(stripped)
        if match is not None:
            named = names(match)
            advice = rule.advice.format_map(named) if rule.advice else None
            return _Found(rule.telling, LastWords(rule.reason.format_map(named), advice, line))
    return None


def names(match: re.Match[str]) -> dict[str, str]:
    """The groups of a match, safe to print. Two spellings of one line have a name each."""
    told = {key: one_line(text, _NAMED) for key, text in match.groupdict().items() if text}
    other = told.get("asked") or told.get("path")
    return {"name": other or "it", "why": told.get("told") or "it did not say why", **told}


def last_words(lines: Iterable[str]) -> LastWords | None:
    """Why a log of these lines has no result, if one of them tells. Holds a line at a time."""
    listener = Listener()
    for line in lines:
        listener.hear(line)
    return listener.words
