"""Text of unknown origin, made safe to show."""

from __future__ import annotations

SKIPPED = "\N{REPLACEMENT CHARACTER}"
QUOTED = 160  # characters of a log's line that are worth repeating


def one_line(text: str, longest: int = QUOTED) -> str:
    """Text of unknown origin, safe to print in a sentence: one line, no control characters."""
    text = " ".join(text[: 4 * longest].split())
    text = "".join(char if char.isprintable() else SKIPPED for char in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"
