"""Generated parts of a file, between two lines that mark them.

    <!-- figures: NAME -->              # figures: NAME
    ...                                 ...
    <!-- end -->                        # end

The first form is Markdown's, the second one TOML's and Python's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from quoted.places import ROOT

_BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- figures: (?P<markdown>[\w-]+) -->|# figures: (?P<toml>[\w-]+))\n"
    r"(?P<text>.*?)"
    r"^ *(?P<end><!-- end -->|# end)$",
    re.MULTILINE | re.DOTALL,
)
_MARKER = re.compile(r"^ *(?:<!-- (?:figures: [\w-]+|end) -->|# (?:figures: [\w-]+|end))$", re.M)
# Where blocks may be.
FILES = ("README.md", "docs/*.md", "benchmarks/README.md", "exercises/*/README.md",
         "exercises/*/checks/wrong/*.py", "solutions/*/README.md",
         "solutions/*/answers.toml")  # fmt: skip


class BlockError(ValueError):
    """Markers that do not make a block; the message says where."""


def files_with_blocks(root: Path = ROOT) -> list[Path]:
    """The files that have markers in them, sorted."""
    found = sorted(path for pattern in FILES for path in root.glob(pattern))
    return [path for path in found if _MARKER.search(path.read_text("utf-8"))]


def blocks_in(text: str, name: str = "text") -> dict[str, str]:
    """Name -> the text between the markers.

    Raises:
        BlockError: a marker without the other, or one name twice.
    """
    found: dict[str, str] = {}
    for one in _BLOCK.finditer(text):
        block = _name(one)
        if block in found or _MARKER.search(one["text"]):
            raise BlockError(f"{name}: the block {block} is there twice, or has no end")
        found[block] = one["text"]
    if len(_MARKER.findall(text)) != 2 * len(found):
        raise BlockError(f"{name}: a marker of figures has no other: each block has two")
    return found


def rendered(text: str, render: Callable[[str], str], name: str = "text") -> str:
    """The text with each block as ``render(its name)`` has it; raises BlockError."""
    blocks_in(text, name)

    def fresh(one: re.Match[str]) -> str:
        begin = one[0].split("\n", 1)[0]
        lines = render(_name(one)).strip("\n").split("\n")
        if one["markdown"]:  # empty lines: what begins a table or a paragraph ends the comment
            lines = ["", *lines, ""]
        inside = "".join(f"{one['indent']}{line}".rstrip() + "\n" for line in lines)
        return f"{begin}\n{inside}{one['indent']}{one['end']}"

    return _BLOCK.sub(fresh, text)


def _name(one: re.Match[str]) -> str:
    return one["markdown"] or one["toml"]
