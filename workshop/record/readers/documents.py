"""Files that are one document: JSON, lines of JSON, or CSV, read whole up to a bound."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from typing import Any, BinaryIO

LARGEST = 64_000_000  # bytes
_JSON_BEGINS = re.compile(r'\s*(?:\[\s*(?:\{.*)?|\{\s*(?:".*)?)', re.DOTALL)
# What can be left, at the end, of a word, of a number's second half, and of \u0041 in a string.
_CUT_WORD = re.compile(
    r"(?:t|tr|tru|f|fa|fal|fals|n|nu|nul|N|Na|-?I\w{0,6}|-|\.|\.?[eE][+-]?|u[0-9a-fA-F]{0,4})?"
)
_CSV_HEADER = re.compile(r'"?[A-Za-z_][\w ./()%-]*"?(?:,"?[A-Za-z_][\w ./()%-]*"?){2,}\s*')


def document(file: BinaryIO, first: str) -> Any | None:
    """The document that a file is, by its first line; None if it is none or too large.

    Lines of JSON, and rows of a CSV, come as a list; a last line that was cut off is left out.
    The file is left at its beginning.
    """
    start = first.lstrip()
    is_json = start.startswith(("{", "["))
    if not is_json and not _CSV_HEADER.fullmatch(first):
        return None
    if os.stat(file.fileno()).st_size > LARGEST:
        return None
    data = file.read()
    file.seek(0)
    text = data.decode(
        "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace"
    )
    if not is_json:
        return _rows(text)
    whole = _parsed(text)
    return _lines(text) if whole is None else whole


def is_cut_off(file: BinaryIO, first: str) -> bool:
    """Whether a file is JSON but for its end, which is missing. It is left at its beginning."""
    if not _JSON_BEGINS.fullmatch(first) or os.stat(file.fileno()).st_size > LARGEST:
        return False
    text = file.read().decode("utf-8-sig", "replace").rstrip()
    file.seek(0)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        rest = text[error.pos :]
        return error.msg.startswith("Unterminated string") or (
            not error.msg.startswith("Extra data") and _CUT_WORD.fullmatch(rest) is not None
        )
    except (ValueError, RecursionError):
        return False
    return False


def _parsed(text: str) -> Any | None:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lines(text: str) -> list[Any] | None:
    lines = [line for line in text.splitlines() if line.strip()]
    parsed: list[Any] = []
    for number, line in enumerate(lines, start=1):
        value = _parsed(line)
        if not isinstance(value, (dict, list)):
            return parsed if parsed and number == len(lines) else None
        parsed.append(value)
    return parsed or None


def _rows(text: str) -> list[Any] | None:
    try:
        rows = list(csv.DictReader(io.StringIO(text)))
    except csv.Error:
        return None
    return rows or None
