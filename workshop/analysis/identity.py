"""What a run is: what tells it from other runs, and what it is called beside them.

Runs are alike, and may be pooled, if they are of one subject (a stage, or another tool's test) and
agree in every trait: whatever was set, and none of what was measured. A name gives the subject and
the traits that tell it from the other runs of that subject.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import PurePath

from workshop.record.results import DECODE_OF_ONE, Condition, Result
from workshop.roofline.models import model_of
from workshop.stages.settings import Settings
from workshop.util.text import one_line

# Where a run took place: two machines may be compared, though no two of their runs are alike.
ENVIRONMENT = frozenset({"device", "threads", "torch", "build", "CPU"})
# Formats whose number of new tokens is what the model happened to say, not what was asked.
_OPEN_ENDED = frozenset({"workshop", "llama.cpp", "ollama"})
_UNSAID = ("", "workshop", str(DECODE_OF_ONE))  # traits that go without saying in a name
_LONGEST = 60  # characters of a trait in a name

Traits = dict[str, str]


def subject(result: Result) -> str:
    """The stage with what an option changed, or another tool and its test: 'llama-bench tg128'."""
    if result.stage is not None or result.format == "workshop":
        return result.label
    return f"{result.format} {test}" if (test := _test(result)) else result.format


def find(results: Iterable[Result], stage: str | None) -> Result | None:
    """The first result of a stage as it stands in the lesson, without options."""
    return next((run for run in results if run.stage == stage and run.label == stage), None)


def traits(result: Result) -> Traits:
    """Name -> words, of everything that is known and tells runs of one subject apart."""
    found = {name: words for name, tell in _TRAITS.items() if (words := tell(result))}
    if result.settings is not None:
        found |= _questions(result.settings)
    conditions = result.conditions
    return found | {name: in_words(name, conditions[name]) for name in sorted(conditions)}


def identity(result: Result) -> tuple[str, frozenset[tuple[str, str]]]:
    """The same for runs that are alike, and for no others."""
    return subject(result), frozenset(traits(result).items())


def names_of(
    results: Sequence[Result],
    drawn: Sequence[bool] | None = None,
    without: Collection[str] = (),
) -> list[str]:
    """A name for each result; results have one name if and only if they are alike.

    Args:
        drawn: whether each is shown; one that is not takes the name of one that is, so that it
            leaves no gap beside it.
        without: traits that are to be passed over, since something else tells them.
    """
    shown = [True] * len(results) if drawn is None else drawn
    subjects = [subject(result) for result in results]
    own = [
        {name: words for name, words in traits(result).items() if name not in without}
        for result in results
    ]
    kin: dict[str, list[Traits]] = {}
    for name, one, is_shown in zip(subjects, own, shown, strict=True):
        if is_shown:
            kin.setdefault(name, []).append(one)
    telling = {name: telling_traits(group) for name, group in kin.items()}
    names = _Names()
    return [
        names.of(name, one if is_shown else kin.get(name, [one])[0], telling.get(name, []))
        for name, one, is_shown in zip(subjects, own, shown, strict=True)
    ]


def telling_traits(kin: Sequence[Traits]) -> list[str]:
    """The traits that tell all of these apart that differ: each adds to those before it."""
    every = dict.fromkeys([*_TRAITS, *sorted({name for one in kin for name in one})])
    chosen: list[str] = []
    parts = 1
    for name in every:
        now = len({tuple(one.get(key, "") for key in (*chosen, name)) for one in kin})
        if now > parts:
            chosen, parts = [*chosen, name], now
    return chosen


class _Names:
    """The names given so far: two runs that differ never share one, even if long words are cut."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, ...]] = {}

    def of(self, subject: str, own: Traits, telling: Sequence[str]) -> str:
        key = tuple(own.get(name, "") for name in telling)
        words = ", ".join(one_line(word, _LONGEST) for word in key if word not in _UNSAID)
        name = f"{subject} ({words})" if words else subject
        if self._owners.setdefault(name, key) == key:
            return name
        return f"{name} #{zlib.crc32(repr(key).encode('utf-8', 'replace')):08x}"


def in_words(name: str, value: Condition) -> str:
    """A condition in words: 'flash attention on', 'request rate 4/s', 'depth 4096'."""
    noun, _, unit = name.partition(", ")
    if isinstance(value, bool):
        return f"{noun} {'on' if value else 'off'}"
    if isinstance(value, str):
        return f"{noun} {value}"
    number = f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)
    joined = unit.removeprefix("1") if unit.startswith("1/") else f" {unit}" if unit else ""
    return f"{noun} {number}{joined}"


def _test(result: Result) -> str:
    """The test of a llama-bench, by its own name for it: 'tg128', 'pp512', 'pp512+tg128'."""
    if result.format != "llama-bench":
        return ""
    parts = (("pp", result.prompt_tokens), ("tg", result.new_tokens))
    return "+".join(f"{word}{count}" for word, count in parts if count)


def new_tokens_asked(result: Result) -> int | None:
    """How many new tokens a run was to make; None where that is not known."""
    if result.settings is not None:
        return result.settings.new_tokens
    return None if result.format in _OPEN_ENDED else result.new_tokens


def _length(result: Result) -> str:
    count = new_tokens_asked(result)
    if count is None or _test(result):
        return ""
    return f"{'up to ' if result.settings else ''}{count} new tokens"


def _size(result: Result, size: int | None, unit: str) -> str:
    """How large another tool says that its model is: files of one name may differ."""
    if result.settings is not None or size is None:
        return ""
    return f"{size / 1e9:.4g} G{unit}"


def _model(result: Result) -> str:
    """A model by its name, wherever it lies."""
    name = model_of(result)
    return PurePath(name).name if name else ""


def _torch(result: Result) -> str:
    version = result.versions.torch if result.versions else None
    return f"torch {version}" if version else ""


def _number(form: str, value: int | None) -> str:
    return "" if value is None else form.format(value)


# In the order in which a name gives them. Names of groups in ``figures/groups.py`` are among them.
_TRAITS: dict[str, Callable[[Result], str]] = {
    "log": lambda run: run.format,
    "tokens/s": lambda run: run.meaning,
    "model": _model,
    "parameters": lambda run: _size(run, run.model_parameters, " parameters"),
    "weights": lambda run: _size(run, run.model_bytes, "B of weights"),
    "precision": lambda run: run.dtype or "",
    "batch size": lambda run: _number("batch {}", run.batch_size),
    "concurrency": lambda run: _number("concurrency {}", run.concurrency),
    "prompt tokens": lambda run: "" if _test(run) else _number("prompt {}", run.prompt_tokens),
    "new tokens": _length,
    "ranks": lambda run: _number("{} ranks", run.world_size),
    "device": lambda run: run.device or "",
    "threads": lambda run: _number("{} threads", run.threads),
    "torch": _torch,
}


def _questions(settings: Settings) -> Traits:
    """What a run of ours was asked, beside its techniques, which its label tells."""
    asked = {
        "temperature": f"temperature {settings.temperature:g}",
        "top-k": f"top-k {settings.top_k}" if settings.top_k else "",
        "top-p": f"top-p {settings.top_p:g}" if settings.top_p != 1 else "",
        "chat": "chat" if settings.chat else "",
        "end": "past the end of the text" if settings.ignore_eos else "",
        "draft": f"draft {PurePath(settings.draft).name}" if settings.draft else "",
        "prompt": _quoted((settings.prompt, *settings.prompts)),
    }
    return {name: words for name, words in asked.items() if words}


def _quoted(prompts: Iterable[str]) -> str:
    """A prompt's first words; where that is not all of it, with a checksum of the whole."""
    first, *more = prompts
    start = one_line(first, 24)
    if start == first and not more:
        return f"prompt “{start}”"
    whole = "\0".join((first, *more)).encode("utf-8", "replace")
    return f"prompt “{start}” #{zlib.crc32(whole):08x}"
