"""Whose it is: what a folder or an archive is called, held against the roster; never guessed.

An id comes first, then an address, an account, a name. A name may have its parts in any order; that
it fits only without its accents, or only a part of what stands there fits, is told. What fits two
people fits nobody.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from workshop.grading.intake.roster import Roster, identifiers
from workshop.grading.records import Participant

_SHORTEST = 3  # of a part that may stand for somebody: 'v2', '1' and 'hw' are nobody's
# What downloads, browsers and people add to a name: 'name (1)', 'name-2', 'name_attempt_3', a time.
_ADDED = re.compile(
    r"[\s_-]*(\(\d+\)|[_-]\d{1,2}|(attempt|versuch|try|v)[\s_-]*\d+|late|final|neu|new|submission|"
    r"abgabe|20\d\d-?\d\d-?\d\d([T_ -]+\d\d[:.h-]?\d\d([:.m-]?\d\d)?)?Z?)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Clue:
    """What is known of whose it is.

    Attributes:
        kind: ``text``: a folder's or an archive's name, which may be anything; the others are what
            an LMS says: an ``id`` of any kind, an ``email``, a ``name``.
    """

    kind: Literal["text", "id", "email", "name"]
    text: str


@dataclass(frozen=True)
class Match:
    """Whose it is.

    Attributes:
        participant: None where nobody fits, or more than one.
        doubt: what is to be told about how it was found; '' where it is beyond doubt.
        several: who all would fit.
    """

    participant: Participant | None
    doubt: str = ""
    several: tuple[Participant, ...] = ()


@dataclass(frozen=True)
class _Way:
    """One way in which a text may mean a person."""

    keys: Callable[[Participant], Iterable[str]]
    key: Callable[[str], str]
    doubt: str = ""


class Register:
    """A roster, looked up by whatever people are known by."""

    def __init__(self, roster: Roster) -> None:
        self._by_way = {
            name: (way.key, way.doubt, _index(roster, way)) for name, way in _WAYS.items()
        }

    def find(self, clues: Iterable[Clue]) -> Match:
        """Whose the clues are; the first clue that fits anybody decides."""
        for clue in clues:
            match = self._one(clue)
            if match is not None:
                return match
        return Match(None)

    def _one(self, clue: Clue) -> Match | None:
        texts = _readings(clue.text) if clue.kind == "text" else [clue.text.strip()]
        for text in texts:
            match = self._by(_BY_KIND[clue.kind], text)
            if match is not None:
                return match
        return self._by_parts(clue.text) if clue.kind == "text" else None

    def _by(self, ways: Iterable[str], text: str) -> Match | None:
        for name in ways:
            key, doubt, index = self._by_way[name]
            people = index.get(key(text), []) if key(text) else []
            if len(people) == 1:
                return Match(people[0], doubt)
            if people:
                return Match(None, several=tuple(people))
        return None

    def _by_parts(self, text: str) -> Match | None:
        """'workshop-s1234567': a part that is somebody's id, address or account."""
        parts = [part for part in re.split(r"[\s_,;+()-]+", text) if len(part) >= _SHORTEST]
        found = [self._by(("id", "folded id", "email", "account"), p) for p in parts]
        people = {
            one.id: one
            for match in found
            if match is not None
            for one in (match.several or (match.participant,))
            if one is not None
        }
        if len(people) > 1:
            return Match(None, several=tuple(people.values()))
        for one in people.values():
            return Match(one, "only a part of its name is theirs")
        return None


def _index(roster: Roster, way: _Way) -> dict[str, list[Participant]]:
    index: dict[str, list[Participant]] = {}
    for one in roster.participants:
        for key in {way.key(text) for text in way.keys(one) if text} - {""}:
            index.setdefault(key, []).append(one)
    return index


def folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).casefold()


def in_any_order(name: str) -> str:
    """The words of a name, sorted: 'Lovelace, Ada' and 'ada_lovelace' are 'ada lovelace'."""
    words = re.findall(r"[^\W_]+", folded(name))
    return " ".join(sorted(words)) if len("".join(words)) >= _SHORTEST else ""


def without_accents(name: str) -> str:
    """As ``in_any_order``, with plain letters only: 'Müller' and 'Mueller' are 'muller'."""
    text = folded(name)
    for spelt, letter in (("ß", "ss"), ("ø", "o"), ("ł", "l"), ("đ", "d"), ("æ", "ae")):
        text = text.replace(spelt, letter)
    text = re.sub("([aou])e", r"\1", text)  # the German way to write umlauts without them
    split = unicodedata.normalize("NFKD", text)
    return in_any_order("".join(char for char in split if not unicodedata.combining(char)))


def run_together(name: str) -> str:
    """As Canvas writes it: letters and digits only, in the order in which they stand."""
    return "".join(re.findall(r"[^\W_]+", folded(name)))


def _readings(text: str) -> list[str]:
    """What stands there, and then without what is usually added to it."""
    readings = [text.strip()]
    while (shorter := _ADDED.sub("", readings[-1])) not in ("", readings[-1]):
        readings.append(shorter)
    return readings


def _last_digits(text: str) -> str:
    """Moodle's 'Participant 1234567' is told by its number, whatever the language."""
    found = re.search(r"\d{3,}$", text.strip())
    return found.group() if found else folded(text)


def _both_orders(one: Participant) -> list[str]:
    """A name as it stands and with the last word first, or the first one last."""
    words = re.findall(r"[^\W_]+", one.name)
    return ["".join(words), "".join(words[-1:] + words[:-1]), "".join(words[1:] + words[:1])]


_WAYS = {
    "id": _Way(lambda one: [one.id, *identifiers(one)], str.strip),
    "folded id": _Way(lambda one: [one.id, *identifiers(one)], folded),
    "email": _Way(lambda one: [one.email, one.email.partition("@")[0]], folded),
    "account": _Way(lambda one: [one.account], folded),
    "number": _Way(identifiers, _last_digits),
    "name": _Way(lambda one: [one.name], in_any_order),
    "run together": _Way(_both_orders, run_together),
    "no accents": _Way(
        lambda one: [one.name], without_accents, "the name fits only without its accents"
    ),
}
_BY_KIND: dict[str, tuple[str, ...]] = {
    "text": (
        *("id", "folded id", "email", "account"),
        *("name", "run together", "no accents"),
    ),
    "id": ("id", "folded id", "account", "number"),
    "email": ("email",),
    "name": ("name", "run together", "no accents"),
}
