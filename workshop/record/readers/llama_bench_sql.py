"""llama-bench's ``-o sql``: a statement that makes the table, and one a test that fills it.

    INSERT INTO llama_bench (build_commit, ..., avg_ts, stddev_ts) VALUES ('1a2b3c4d', ..., '0.25');

Every value is a text between quotes, and older versions call the table ``test``. A quote within a
value is not marked as such: where the values cannot be told apart, none is taken.
"""

from __future__ import annotations

import re

from workshop.record.readers.llama_bench_record import FIELDS, FORMAT, run_of
from workshop.record.results import Result

BEGIN = "INSERT INTO "
_STATEMENT = re.compile(
    r"INSERT INTO (?:test|llama_bench) \((?P<names>\w+(?:, \w+){9,199})\) VALUES \('(?P<values>.*)"
)
_END = re.compile(r"'\);\s*")


def run_of_statement(line: str) -> Result | None:
    """The run of a statement that adds a row; None if the line is none of llama-bench's."""
    statement = _STATEMENT.fullmatch(line)
    names = statement["names"].split(", ") if statement else []
    if statement is None or not set(names) >= FIELDS:
        return None
    values = statement["values"]
    end = _END.search(values)
    if end is None or end.end() != len(values):
        return _without_numbers("its row is cut off")
    parts = values[: end.start()].split("', '")
    if len(parts) != len(names):
        return _without_numbers("the values of its row cannot be told apart")
    return run_of(dict(zip(names, parts, strict=True)))


def _without_numbers(reason: str) -> Result:
    return Result(None, "failed", reason=reason, format=FORMAT, definition=None)
