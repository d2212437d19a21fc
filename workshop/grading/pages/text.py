"""Text of unknown origin, fit to be shown: bounded, without what moves a terminal or turns text.

Escaping is each format's own: of HTML the template's, of Markdown ``markdown.py``'s, of CSV the
gradebook's.
"""

from __future__ import annotations

import datetime
import re

from workshop.grading.records import Participant
from workshop.util.text import SKIPPED

LINE = 300  # characters of a line that people read
LINES = 2000  # of a message
NAME = 120
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_JOINERS = "\u200c\u200d"  # without them Persian and Indic names are misspelt


def line(text: str, longest: int = LINE) -> str:
    """The text as one line; a sign stands for what has no picture."""
    return _cut(_pictured(" ".join(_bounded(text, longest).split())), longest)


def lines(text: str, longest: int = LINES) -> str:
    """The text with its lines, at most ``longest`` characters of it."""
    rows = _bounded(text, longest).expandtabs(4).splitlines()
    return _cut("\n".join(_pictured(row.rstrip()) for row in rows).strip("\n"), longest)


def name(text: str) -> str:
    """A person's name as one line of letters; marks of direction are left out, not shown."""
    letters = "".join(c if _has_picture(c) else "" for c in " ".join(text[: 4 * NAME].split()))
    return _cut(" ".join(letters.split()), NAME)


def called(participant: Participant) -> str:
    """What a person is called on a page."""
    return name(participant.name) or line(participant.id, NAME) or "without a name"


def points(value: float) -> str:
    """7, 7.5, 6.67."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def moment(iso: str | None) -> str:
    """2026-11-20 23:58 +0100; as it is where it is no time, '' where there is none."""
    if iso is None:
        return ""
    try:
        return datetime.datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M %z").strip()
    except ValueError:
        return line(iso, 40)


def span(minutes: float) -> str:
    """20 s, 50 min, 2 h 10 min, 3 days 4 h."""
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    whole = round(minutes)
    days, hours = whole // 1440, whole // 60 % 24
    if days:
        unit = "day" if days == 1 else "days"
        return f"{days} {unit} {hours} h" if hours else f"{days} {unit}"
    return f"{hours} h {whole % 60} min" if hours else f"{whole} min"


def counted(number: int, thing: str, things: str = "") -> str:
    """'1 check', '3 checks'."""
    return f"{number} {thing if number == 1 else things or thing + 's'}"


def _bounded(text: str, longest: int) -> str:
    return _TERMINAL.sub("", text[: 4 * longest])


def _pictured(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if _has_picture(char) else SKIPPED for char in text)


def _has_picture(char: str) -> bool:
    return char.isprintable() or char in _JOINERS


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
