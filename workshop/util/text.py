"""Numbers as people read them, and text of unknown origin, made safe to show."""

from __future__ import annotations

import re

SKIPPED = "\N{REPLACEMENT CHARACTER}"
QUOTED = 160  # characters of a log's line that are worth repeating

# What a terminal takes for commands: CSI (colours, cursor), OSC and its kin (titles), and others.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]"
)


def one_line(text: str, longest: int = QUOTED) -> str:
    """Text of unknown origin, safe to print in a sentence: one line, no control characters."""
    text = " ".join(text[: 4 * longest].split())
    text = "".join(char if char.isprintable() else SKIPPED for char in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def number(value: float) -> str:
    """Three significant digits, as people read them: 0.0193, 3.40, 241, 12300, 1.23e+09."""
    rounded = float(f"{value:.2e}")
    if rounded == 0:
        return "0"
    if not 1e-4 <= abs(rounded) < 1e6:
        return f"{rounded:.2e}"
    return f"{rounded:.0f}" if abs(rounded) >= 100 else f"{rounded:#.3g}"


def signed_percent(value: float, against: float) -> str:
    """The change in percent, with its sign: '+148.9 %'."""
    change = 100 * (value / against - 1)
    if abs(change) >= 1e6:
        return f"{change:+.2e} %"
    digits = 1 if abs(change) < 999.95 else 0
    rounded = round(change, digits) + 0.0  # no negative zero
    return f"{rounded:+.{digits}f} %".replace("-", "\N{MINUS SIGN}")


def times(value: float, against: float) -> str:
    """How many times as much: '1.92×'."""
    return f"{number(value / against)}\N{MULTIPLICATION SIGN}"


def printable(text: str) -> str:
    """Text of unknown origin as one line of characters that have a picture."""
    return "".join(char if char.isprintable() else " " for char in text)


def without_escapes(text: str) -> str:
    """Text of unknown origin, safe to print: its lines, without escape sequences and controls.

    Line ends and tabs stay; any other character without a picture is left out, or ``SKIPPED``.
    """
    lines = _ESCAPE.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line if line.isprintable() else _pictures(line) for line in lines)


def _pictures(line: str) -> str:
    return "".join(char if char.isprintable() or char == "\t" else SKIPPED for char in line)
