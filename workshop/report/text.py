"""Text of unknown origin, made fit to stand in a page; escaping is the template's."""

from __future__ import annotations

from workshop.util.text import SKIPPED

LONGEST = 20_000  # characters of one text; a page is read by people


def shown(text: str) -> str:
    """The text with its lines, and a sign in place of what has no picture or turns others round."""
    lines = text[:LONGEST].replace("\t", "    ").splitlines()
    cut = "\n…" if len(text) > LONGEST else ""
    return (
        "\n".join("".join(c if c.isprintable() else SKIPPED for c in line) for line in lines) + cut
    )
