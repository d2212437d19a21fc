"""Text as it must be spelt in Markdown (CommonMark, GitHub's tables) to be shown as it is.

https://spec.commonmark.org/0.31.2/#backslash-escapes
"""

from __future__ import annotations

import re

from markupsafe import Markup

_SIGNS = re.compile(r"([\\`*_\[\]<>|~#$!&])")
_LINK = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)  # what GitHub makes links of
_LIST = re.compile(r"^([-+=]|\d+(?=[.)](?:\s|$)))")
_TICKS = re.compile("`+")


def plain(text: str) -> Markup:
    """One line of text, nothing of it Markdown; safe in a table's cell too."""
    escaped = _LINK.sub(r"\\\g<0>", _SIGNS.sub(r"\\\1", " ".join(text.split())))
    if found := _LIST.match(escaped):
        mark = found.end() if found.group()[0].isdigit() else 0
        escaped = f"{escaped[:mark]}\\{escaped[mark:]}"
    return Markup(escaped)


def code(text: str) -> Markup:
    """One line of text as inline code; not for a table's cell."""
    flat = " ".join(text.split())
    ticks = "`" * (1 + max(map(len, _TICKS.findall(flat)), default=0))
    return Markup(f"{ticks} {flat} {ticks}" if flat else "``` ```")


def spelt(value: object) -> object:
    """What a template writes: text escaped, what is Markdown already as it is."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
