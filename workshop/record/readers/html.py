"""The records inside a report: written so that nothing in them ends the script, and read back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import BinaryIO

import msgspec

from workshop.record.results import RecordError, Result, decode, from_json, to_json

_HEAD = 4096  # bytes of a report that say what it is
LARGEST = 256_000_000  # bytes; a report holds its figures and all records
_OURS = re.compile(r'<meta name="generator" content="workshop [^"<>]*">')
MARK = "workshop-records"  # the id of the element that holds them

# Within a script, HTML looks for tags and comments; JSON can spell these signs otherwise.
_SIGNS = "<>&\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}"
_SPELT = {ord(sign): f"\\u{ord(sign):04x}" for sign in _SIGNS}


def is_ours(html_text: str) -> bool:
    """Whether a file is a report that was written here, by the name in its head."""
    return _OURS.search(html_text[:_HEAD]) is not None


def embedded(results: Iterable[Result]) -> str:
    """The records as JSON that can stand inside ``<script type="application/json">``."""
    return "[" + ",\n".join(to_json(result).translate(_SPELT) for result in results) + "]"


def records_in(html_text: str) -> list[Result]:
    """The records that a report holds, in their order; [] if the text is no report.

    A record that cannot be read is passed over.
    """
    finder = _Finder()
    finder.feed(html_text)
    finder.close()
    try:
        records = decode("".join(finder.found), list[msgspec.Raw])
    except RecordError:
        return []
    return [result for record in records if (result := _result(bytes(record))) is not None]


def records_in_file(file: BinaryIO) -> list[Result]:
    """The records of a report's file; [] if it is none. The file is left at its beginning."""
    head = file.read(_HEAD).decode("utf-8", "replace")
    file.seek(0)
    if not is_ours(head):
        return []
    text = file.read(LARGEST).decode("utf-8", "replace")
    file.seek(0)
    return records_in(text)


def _result(record: bytes) -> Result | None:
    try:
        return from_json(record)
    except RecordError:
        return None


class _Finder(HTMLParser):
    """Keeps the text of the first script element with our mark."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        ours = ("id", MARK) in attrs and ("type", "application/json") in attrs
        self._inside = tag == "script" and ours and not self.found

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found.append(data)
