"""The notation in which the tiny stories are written, and how it is told.

In a template `{slot}` is a fact of the story, `{a slot}` the same with its article, and
`[this|that]` a free choice, which may be nested and may be empty; a bar outside brackets parts
whole wordings. A block of plots is plain text:

    # name of the plot ; seasons winter autumn ; lands sea ; light
    - a step of the plot | another wording of it
    - ? a step that may be left out
    = the story told again in one sentence

Lines that begin with a blank go on with the line before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TypeVar

T = TypeVar("T")

# A full stop (not an ellipsis), then perhaps an opening quotation mark, then a small letter.
SENTENCE_START = re.compile(r"""((?<!\.)[.!?](?: ["(]?|" "))([a-z])""")


@dataclass(frozen=True)
class Slot:
    """A place in a template that a fact fills."""

    name: str
    article: bool


@dataclass(frozen=True)
class Choice:
    """A place in a template where one of several sequences is taken."""

    options: tuple[tuple[str | Slot | Choice, ...], ...]


@dataclass(frozen=True)
class Plot:
    """An ordered story; `recap` looks back at it in other words.

    `flags` narrow the scenes that it suits: "light" and "heavy" ask for a thing of that size,
    "small" for a small pet.
    """

    name: str
    steps: tuple[str, ...]
    recap: str
    seasons: tuple[str, ...] = ()
    lands: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def pick(rng: Random, items: tuple[T, ...]) -> T:
    """Choose one item; `random()` alone is used, whose stream is the same everywhere."""
    return items[int(rng.random() * len(items))]


def with_article(noun: str) -> str:
    """Put "a" or "an" before a noun, by its sound; a plural such as "boots" stays bare."""
    vowel = noun[0] in "aeiou" and not noun.startswith(("one", "uni", "use", "eu"))
    return ("an " if vowel or noun.startswith(("hour", "honest")) else "a ") + noun


def _parse(text: str, at: int, depth: int) -> tuple[Choice, int]:
    """Read alternatives up to the closing bracket, or to the end of the text at depth 0."""
    options: list[tuple[str | Slot | Choice, ...]] = []
    items: list[str | Slot | Choice] = []
    while True:
        end = at
        while end < len(text) and text[end] not in "[]|{":
            end += 1
        if end > at:
            items.append(text[at:end])
        mark = text[end] if end < len(text) else ""
        at = end + 1
        if mark == "{":
            close = text.index("}", at)
            name = text[at:close]
            items.append(Slot(name.removeprefix("a "), name.startswith("a ")))
            at = close + 1
        elif mark == "[":
            inner, at = _parse(text, at, depth + 1)
            items.append(inner)
        else:
            options.append(tuple(items))
            items = []
            if mark == "|":
                continue
            if (mark == "]") != (depth > 0):
                raise ValueError(f"brackets do not match in {text!r}")
            return Choice(tuple(options)), at


@cache
def parse(template: str) -> Choice:
    """Parse a template once; the same few hundred serve every document."""
    return _parse(template.replace(" | ", "|"), 0, 0)[0]


def slots(template: str) -> frozenset[str]:
    """The names of the facts that a template may ask for."""
    found: list[str] = []
    nodes: list[str | Slot | Choice] = [parse(template)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Slot):
            found.append(node.name)
        elif isinstance(node, Choice):
            nodes += [item for option in node.options for item in option]
    return frozenset(found)


def _fill(node: Choice, facts: Mapping[str, str], rng: Random, out: list[str]) -> None:
    """Append the pieces of one free choice to `out`."""
    for item in node.options[int(rng.random() * len(node.options))]:
        if isinstance(item, str):
            out.append(item)
        elif isinstance(item, Slot):
            fact = facts[item.name]
            out.append(with_article(fact) if item.article else fact)
        else:
            _fill(item, facts, rng, out)


def capitalised(text: str) -> str:
    """Make the first letter of every sentence a capital, also behind a quotation mark."""
    at = 1 if text[:1] in ("'", '"', "(") else 0
    text = text[:at] + text[at : at + 1].upper() + text[at + 1 :]
    return SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)


def tell(template: str, facts: Mapping[str, str], rng: Random) -> str:
    """Fill a template with facts and make its sentences begin with capital letters."""
    out: list[str] = []
    _fill(parse(template), facts, rng, out)
    return capitalised("".join(out))


def _joined(lines: list[str]) -> str:
    """Join the lines of one entry; at a bar or an opening bracket without a blank."""
    text = lines[0]
    for line in lines[1:]:
        opened = text[-1] in "[|" and not text.endswith(" |")
        closed = line[0] in "]|" and not line.startswith("| ")
        text += line if opened or closed else " " + line
    return text


def parse_plots(block: str) -> tuple[Plot, ...]:
    """Read the plots of a block of text; see the head of this module for the notation."""
    entries: list[list[str]] = []
    for line in block.strip("\n").split("\n"):
        if line.startswith(("# ", "- ", "= ")):
            entries.append([line])
        elif line.strip():
            entries[-1].append(line.strip())
    plots: list[Plot] = []
    steps: list[str] = []
    head: list[str] = []
    for text in map(_joined, entries):
        if text.startswith("# "):
            head = [part.strip() for part in text[2:].split(";")]
            steps = []
        elif text.startswith("- "):
            steps.append(text[2:])
        else:
            wants = {words[0]: tuple(words[1:]) for words in (p.split() for p in head[1:])}
            flags = tuple(w for w in wants if w not in ("seasons", "lands"))
            plots.append(
                Plot(head[0], tuple(steps), text[2:], wants.get("seasons", ()),
                     wants.get("lands", ()), flags)
            )  # fmt: skip
    return tuple(plots)
