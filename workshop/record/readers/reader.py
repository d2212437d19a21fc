"""What a format's module gives, so that any log can be read: one interface for text, one for JSON.

A module of either kind is named in the entry point group ``workshop.readers``; a site adds its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from workshop.record.results import Result


class Reader(Protocol):
    """Reads a log of lines.

    Attributes:
        NAME: the format's name, and the ``format`` of its results.
        NEEDLES: a line without any of these substrings is never shown to it. Few and rare ones:
            a whole log is searched for each.

    A module may have ``ANCHORS``, bytes too: then only what is near one of these (within a block
    of ``lines.py``) is searched for needles. A format with more than a few needles should. A log
    without any of them, or without any needle where there are none, is never shown to it.

    A module may have ``results_in_blocks(blocks, file_name)`` too, for logs of very many runs: it
    is asked instead, and gets the whole log in bytes, as ``lines.blocks`` gives it.
    """

    NAME: str
    NEEDLES: tuple[bytes, ...]

    @staticmethod
    def results(lines: Iterable[str], file_name: str) -> list[Result]:
        """The results in these lines, which hold a needle each; [] if they are of no such log.

        Lines come in their order, one at a time, without line ends, terminal escapes and NULs.
        What a carriage return parts counts as lines of their own. The whole list is never held.
        """
        ...


class DocumentReader(Protocol):
    """Reads a whole file that was parsed before: JSON, or lines of JSON or CSV as a list."""

    NAME: str

    @staticmethod
    def results(document: Any, file_name: str) -> list[Result]:
        """The results in it; [] if it is no such document."""
        ...
