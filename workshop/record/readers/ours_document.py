"""Our record as a file of its own that was laid out anew, with indents, by an editor or by jq."""

from __future__ import annotations

import json
from typing import Any

from workshop.record.readers.ours import record_of
from workshop.record.readers.units import capped
from workshop.record.results import RecordError, Result
from workshop.util.text import QUOTED, one_line

NAME = "workshop-json"

_FIELDS = {"schema", "stage", "status", "tokens_per_second", "samples"}


def results(document: Any, file_name: str) -> list[Result]:
    """The records in a parsed file: one, or a list of nothing else."""
    records = document if isinstance(document, list) else [document]
    if not all(isinstance(record, dict) and record.keys() >= _FIELDS for record in records):
        return []
    return capped(_result(record) for record in records)


def _result(record: dict[str, Any]) -> Result:
    try:
        return record_of(json.dumps(record))
    except RecordError as error:
        reason = one_line(f"the record cannot be read: {error}", 2 * QUOTED)
        return Result(None, "failed", reason=reason)
