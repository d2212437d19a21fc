"""Why a log has no result: what Slurm, the shell, modules, conda, Python and CUDA said last.

Every pattern is held against a whole line, and the model's lines, which a bar sets off, never
count. Of several lines the most telling wins: a cause before its consequence, else the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from workshop.record.readers.endings import RULES, Telling
from workshop.record.readers.glued import behind
from workshop.record.readers.lmod import Lmod
from workshop.record.readers.prefixes import layers
from workshop.util.text import one_line

LONGEST = 1000  # characters of a line that are looked at
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
# Each line that a rule fits has one of these: of a tool's many lines, few do.
_WORDS = re.compile(
    "rror|RROR|xception|raceback|illed|erminat|borted|fault|nstruction|slurm|sh: |srun: "
    "|FATAL: |HINT: |onda environment|complete result|Duplicate GPU|nccl|NVIDIA driver|CUDA driver"
    "|space left|of memory|uota exceeded|setup failed|file handle|pyxis: |ython"
    "|exec /|atchdog|version [`']|salloc: |ggml_vulkan: "
)
_MARKED = "workshop: setup failed"
_MARKER = re.compile(_MARKED + r" \(exit code (?P<code>\d+)\): (?P<command>.+)")
_TRACEBACK = "Traceback (most recent call last):"
# What multiprocessing raises because a child did is no cause.
_EXCEPTION = re.compile(
    r"(?!.*Process(?:Raised|Exited)Exception)(?P<name>[A-Za-z_][\w.]*)(?:: .*)?"
)
_OTHERWISE = {"name": "it", "why": "it did not say why", "node": "a node"}
_SPELLINGS = ("", "_2", "_3")  # of a line, whose groups need a name each
_LABELS = 1000  # processes whose tracebacks are told apart


@dataclass(frozen=True)
class _Found:
    telling: Telling
    words: LastWords


@dataclass
class Listener:
    """Hears a log line by line, and remembers what tells most."""

    _best: _Found | None = None
    _cause: _Found | None = None  # the latest: what a setup line said before it failed
    _lmod: Lmod = field(default_factory=Lmod)
    _tracebacks: set[str] = field(default_factory=set)  # of the processes that are printing one

    @property
    def words(self) -> LastWords | None:
        return self._best.words if self._best else None

    @property
    def slurms_reason(self) -> LastWords | None:
        """The words, if they are the reason that Slurm itself gave for ending the job."""
        return self.words if self._best and self._best.telling is Telling.REASON else None

    @property
    def only_hints(self) -> bool:
        """Whether nothing told more than a line that may be noise."""
        return self._best is None or self._best.telling is Telling.HINT

    def hear(self, line: str) -> None:
        """Take one line, without its end."""
        may_tell = _may_tell(line)
        if not may_tell and not self._tracebacks and not self._lmod.is_speaking:
            return
        line = line.rstrip()
        process, left = layers(line[:LONGEST])
        if any(_is_models(one) for one in left):
            return
        found = self._lmods(left[-1]) or self._understood(process, left, may_tell)
        if found is None and may_tell:
            pieces = map(layers, behind(line[-LONGEST:]))
            found = next((one for p in pieces if (one := self._understood(*p, may_tell))), None)
        if found is None:
            return
        if found.telling in (Telling.CAUSE, Telling.VAGUE, Telling.HINT):
            self._cause = found
        if self._best is None or _tells_more(found.telling, self._best.telling):
            self._best = found

    def _understood(self, process: str, left: list[str], may_tell: bool) -> _Found | None:
        """What a line says, of which each prefix leaves this."""
        for one in left:
            found = self._markers(one) or by_rule(one) if may_tell else None
            if found is not None:
                self._tracebacks.discard(process)
                return found
        return self._exceptions(process, left[-1])

    def _markers(self, line: str) -> _Found | None:
        """Our job script's word for a setup line that failed, and why it did."""
        match = _MARKER.fullmatch(line) if line.startswith(_MARKED) else None
        if match is None:
            return None
        self._cause = self._lmods("") or self._cause  # Lmod's sentence ends here at the latest
        command, code = one_line(match["command"], _BRIEF), match["code"]
        if self._cause is None:
            words = LastWords(
                f"the setup line '{command}' failed with exit code {code}",
                "try that line on a node, and mend it in the cluster's description",
                line,
            )
        else:
            cause = self._cause.words
            words = LastWords(f"{cause.reason} ({command} failed)", cause.advice, cause.line)
        return _Found(Telling.SETUP, words)

    def _lmods(self, line: str) -> _Found | None:
        """Lmod's word for a module."""
        refusal = self._lmod.hear(line)
        if refusal is None:
            return None
        return _Found(
            Telling.CAUSE, LastWords(refusal.reason, refusal.advice, refusal.sentence[:LONGEST])
        )

    def _exceptions(self, process: str, line: str) -> _Found | None:
        """An exception that Python ended with: the first line after a traceback's own."""
        if line == _TRACEBACK:
            if len(self._tracebacks) < _LABELS:
                self._tracebacks.add(process)
            return None
        if process not in self._tracebacks or not line or line.startswith(" "):
            return None
        self._tracebacks.discard(process)
        if _EXCEPTION.fullmatch(line) is None:
            return None
        words = LastWords(
            f"Python ended with {one_line(line, _BRIEF)}", "the log has the whole traceback", line
        )
        return _Found(Telling.EXCEPTION, words)


def _may_tell(line: str) -> bool:
    """Whether any rule can fit this line, or what is behind a prefix or a bar in it."""
    if ": " in line:
        return _WORDS.search(line) is not None
    return (  # a loop over these words would take thrice as long
        "rror" in line
        or "illed" in line
        or "erminated" in line
        or "raceback" in line
        or "fault" in line
        or "oint exception" in line
        or "nstruction" in line
        or "space left" in line
        or "of memory" in line
        or "uota" in line
        or "file handle" in line
    )


def _is_models(line: str) -> bool:
    """Whether our own run printed this for the model: a bar sets it off."""
    return line.lstrip().startswith("|")


def _tells_more(new: Telling, old: Telling) -> bool:
    """Whether a line of the one telling takes the place of an earlier one of the other.

    Ranks that are killed after Slurm stopped their step were killed by that.
    """
    return new < old and not (new is Telling.KILLED and old is Telling.STEP)


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
    """The groups of a match, safe to print."""
    found = {key: one_line(text, _NAMED) for key, text in match.groupdict().items() if text}
    for name, otherwise in _OTHERWISE.items():
        spelt = (found[name + tail] for tail in _SPELLINGS if name + tail in found)
        found[name] = next(spelt, otherwise)
    return found


def last_words(lines: Iterable[str]) -> LastWords | None:
    """Why a log of these lines has no result, if one of them tells. Holds a line at a time."""
    listener = Listener()
    for line in lines:
        listener.hear(line)
    return listener.words
