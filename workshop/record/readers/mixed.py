"""Lines of JSON that several tools appended to one file: which reader has which of them.

Records with the same fields are of one kind, and one record of a kind shows whose it is. Those that
nobody knows alone, such as the parts of a streamed answer, go with what follows them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from workshop.record.readers.units import LONGEST

MOST_KINDS = 64  # of records that are told apart

Kind = tuple[Any, ...]


def parts(
    document: Any, owner_of: Callable[[dict[Any, Any]], str | None]
) -> list[tuple[str, list[Any]]]:
    """The records of a document by their owner, in their order; [] if it has not two owners.

    Args:
        document: a parsed file.
        owner_of: the name of the reader that knows a record alone.
    """
    if not isinstance(document, list):
        return []
    firsts = _firsts(document)
    if len(firsts) < 2:
        return []
    owners = {kind: owner_of(record) for kind, record in firsts.items()}
    if len(set(owners.values()) - {None}) < 2:
        return []
    return list(_parted(document, owners))


def lines(records: Sequence[Any]) -> list[str]:
    """The records as lines of text, without those that are too long for a tool's own line."""
    texts = map(_line, records)
    return [text for text in texts if 0 < len(text) <= LONGEST]


def _line(record: Any) -> str:
    try:
        return json.dumps(record)
    except (ValueError, RecursionError):
        return ""


def with_needles(texts: Sequence[str], needles: Sequence[bytes]) -> list[str]:
    """The lines that a reader of text is shown: those with a needle."""
    return [text for text in texts if any(needle in text.encode() for needle in needles)]


def _firsts(records: Sequence[Any]) -> dict[Kind, dict[Any, Any]]:
    """The first record of each kind."""
    found: dict[Kind, dict[Any, Any]] = {}
    for record in records:
        if isinstance(record, dict) and (kind := tuple(record)) not in found:
            if len(found) == MOST_KINDS:
                break
            found[kind] = record
    return found


def _parted(
    records: Sequence[Any], owners: dict[Kind, str | None]
) -> Iterator[tuple[str, list[Any]]]:
    current: str | None = None
    held: list[Any] = []
    loose: list[Any] = []  # nobody's: they go with what follows
    for record in records:
        owner = owners.get(tuple(record)) if isinstance(record, dict) else None
        if owner is None:
            loose.append(record)
            continue
        if current is not None and owner != current:
            yield current, held
            held = []
        current = owner
        held += [*loose, record]
        loose = []
    if current is not None:
        yield current, [*held, *loose]
