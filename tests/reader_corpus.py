"""Logs of other tools with what is to be read from them, and what holds for any text at all."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import math
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from workshop.record.readers.documents import document
from workshop.record.readers.lines import first_line, needle_lines
from workshop.record.results import Result

LOGS = Path(__file__).parent / "logs"
EXPECTED = ".expected.json"


def logs_of(tool: str) -> list[Path]:
    """The corpus of a tool; each log has a file beside it with what is to be read from it."""
    return sorted(path for path in (LOGS / tool).iterdir() if not path.name.endswith(EXPECTED))


def read(content: bytes, *readers: Any) -> list[Result]:
    """What these readers find in a file: as a document, and if it is none, as lines."""
    whole = _document(content)
    documents = [reader for reader in readers if not hasattr(reader, "NEEDLES")]
    if whole is not None:
        for reader in documents:
            if found := reader.results(whole, "some.json"):
                return found
    return [
        result
        for reader in readers
        if reader not in documents
        for result in reader.results(_lines(content, reader), "some.log")
    ]


def _lines(content: bytes, reader: Any) -> Iterator[str]:
    """The lines that a reader is shown: no others."""
    return needle_lines(io.BytesIO(content), reader.NEEDLES, getattr(reader, "ANCHORS", ()))


def _document(content: bytes) -> Any | None:
    # A real file: its size is asked for.
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        return document(file, first_line(file))


def check(log: Path, *readers: Any) -> None:
    """Everything that is expected is read from a log, and nothing besides."""
    found = [told(result) for result in read(log.read_bytes(), *readers)]
    expected = json.loads(log.with_name(log.name + EXPECTED).read_text())
    assert found == [{key: _near(value) for key, value in one.items()} for one in expected], (
        log.name
    )


def _near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9) if isinstance(value, float) else value


def told(result: Result) -> dict[str, Any]:
    """The fields that a result says anything in; its status, format and definition always."""
    assert result.stage is None
    plain = Result(None, "ok")
    fields = {
        field.name: getattr(result, field.name)
        for field in dataclasses.fields(result)
        if getattr(result, field.name) != getattr(plain, field.name)
    }
    definition = str(result.definition) if result.definition else None
    return {**fields, "status": result.status, "format": result.format, "definition": definition}


def numbers_in(result: Result) -> list[float | int]:
    """Every number that a result has."""
    names = [field.name for field in dataclasses.fields(result) if field.name != "schema"]
    values = [getattr(result, name) for name in names]
    return [*(value for value in values if isinstance(value, int | float)), *result.speeds]


_IN_TEXT = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
# Units that a number can be in, each against the one that a record has.
_UNITS = (1.0, 1e-3, 1e-6, 1e-9, 1e3, 1e6, 1e9, *(2.0**k / 1e9 for k in (10, 20, 30, 40)), 2.0**20,
          2.0**30, 2.0**40)  # fmt: skip


def assert_nothing_invented(results: Iterable[Result], text: str) -> None:
    """Each number stands in the text, or follows from one there by its unit."""
    # What was glued together may have digits before it: so any end of a number in the text.
    there = {
        float(found[start:])
        for found in _IN_TEXT.findall(text)
        for start in range(len(found))
        if found[start].isdigit()
    }
    possible = [0.0, *(one * unit for one in there for unit in _UNITS)]
    for result in results:
        assert result.status == "ok" or result.reason
        for number in numbers_in(result):
            assert math.isfinite(number)
            assert number >= 0
            rounded = 0.5 if isinstance(number, int) else 0.0
            assert any(
                math.isclose(number, one, rel_tol=1e-9, abs_tol=rounded) for one in possible
            ), number


def with_decimal_commas(text: str) -> str:
    """The text, and its numbers with commas as a log of a German locale has them."""
    return f"{text}\n{text.replace(',', '.')}"


@st.composite
def mangled(draw: st.DrawFn, tool: str) -> str:
    """A log with lines lost, cut, doubled, swapped and glued, and other numbers in some."""
    texts = [log.read_text().splitlines() for log in logs_of(tool)]
    lines = list(draw(st.sampled_from([text for text in texts if len(text) > 2])))
    for _ in range(draw(st.integers(0, 8))):
        place = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(["lose", "cut", "double", "swap", "glue", "number", "text"]))
        lines[place : place + 2] = _changed(draw, how, lines[place : place + 2]) or [""]
    return "\n".join(lines)


_NUMBERS = ["nan", "inf", "-1.00", "1e999", "0", "9" * 40, "1,5", "12.5", "٣", "1_0", "0x1", ""]


def _changed(draw: st.DrawFn, how: str, lines: list[str]) -> list[str]:
    first, *rest = lines
    if how == "cut":
        return [first[: draw(st.integers(0, len(first)))], *rest]
    if how == "number":
        number = draw(st.sampled_from(_NUMBERS))
        return [re.sub(r"\d+\.\d+", lambda _: number, first), *rest]
    if how == "text":
        return [first, draw(st.text(max_size=30)), *rest]
    changes = {
        "lose": rest,
        "double": [first, *lines],
        "swap": lines[::-1],
        "glue": ["".join(lines)],
    }
    return changes[how]


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["s", "ms", "MB", "GiB", "tokens/s", "12.5", "nan", 10**400, [], {}, [[1.0]]]),
    st.text(max_size=5),
)
_ANYTHING = st.recursive(
    _VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@st.composite
def broken_documents(draw: st.DrawFn, tool: str) -> Any:
    """A document of a tool with other values here and there, or no document of any tool."""
    whole = [document for log in logs_of(tool) if (document := _parsed(log)) is not None]
    changed = {"": copy.deepcopy(draw(st.sampled_from(whole) | _ANYTHING))}
    for _ in range(draw(st.integers(0, 6))):
        parent, key = draw(st.sampled_from(list(_places(changed))))
        parent[key] = copy.deepcopy(draw(_VALUES))
    return changed[""]


def _parsed(log: Path) -> Any | None:
    try:
        return json.loads(log.read_text())
    except ValueError:
        return None


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    items = list(node.items() if isinstance(node, dict) else enumerate(node))
    for key, value in items:
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)
