"""llama-bench in a job's log: its table (``-o md``), and its records between other lines.

A row of the table is a run. A test ``tg128`` decodes 128 tokens, ``pp512`` reads a prompt of 512,
``pp512+tg128`` does both. In a job's log, what the GPU's driver says stands before JSON and CSV,
so that the file as a whole is neither. ``-o sql`` is text in any case.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from workshop.record.readers.llama_bench_record import (
    FORMAT,
    NO_SPEED,
    definition_of,
    depth_remark,
    run_of,
)
from workshop.record.readers.llama_bench_sql import BEGIN, run_of_statement
from workshop.record.readers.units import (
    LABELS,
    capped,
    count,
    labelled,
    number,
    parameters,
    positive,
    size_in_bytes,
    words,
)
from workshop.record.results import Result

NAME = FORMAT
ANCHORS = ("±".encode(), b"| backend ", b"build_commit", b'"avg_ts"', b'.gguf"')
NEEDLES = (
    b"iB | ",
    b" t/s |",
    b"build_commit",  # in a statement of SQL, too
    b'.gguf"',
    b'"avg_ts": ',
    b'"cpu_info": ',
    b'"gpu_info": ',
    b'"backends": ',
    b'"model_',
    b'"n_',
    b'"stddev_ts": ',
    b'"samples_ts": ',
)

_SIZE = re.compile(r"([\d.]+) ([MGT]iB)", re.ASCII)
_PARAMETERS = re.compile(r"([\d.]+) ([KMBT])", re.ASCII)
_TEST = re.compile(r"(?=pp|tg)(?:pp ?(\d+))?\+?(?:tg ?(\d+))?(?: @ d(\d+))?", re.ASCII)
_SPEED = re.compile(r"(\S+) ± (\S+)")
_KEY = re.compile(r'"(\w{1,40})": ')
_FEWEST = 6  # columns: model, size, params, backend, test, t/s
_FIRST, _LAST = "build_commit", "samples_ts"  # of a record in JSON
_MOST_FIELDS = 200


@dataclass
class _Output:
    """What was seen of the output that is being read.

    Attributes:
        header: of the table.
        columns: of the CSV.
        record: the fields of a JSON record whose end is to come.
    """

    header: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs of all tables and records in these lines."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    outputs: dict[str, _Output] = {}
    for label, line in labelled(lines):
        if label not in outputs and len(outputs) >= LABELS:
            continue
        output = outputs.setdefault(label, _Output())
        if run := _of_table(output, line) if line.startswith("| ") else _of_records(output, line):
            yield run
    yield from (run for output in outputs.values() if (run := _unfinished(output.record)))


def _of_table(output: _Output, line: str) -> Result | None:
    cells = [cell.strip() for cell in line.split("|")[1:]]
    if cells[0] == "model" and "t/s" in cells:
        output.header = cells
    elif len(cells) > 2 and _SIZE.fullmatch(cells[1]) and _PARAMETERS.fullmatch(cells[2]):
        return _row(cells, output.header)
    return None


def _row(cells: list[str], header: list[str]) -> Result:
    whole = len(cells) > _FEWEST and not cells[-1]
    test = _TEST.fullmatch(cells[-3]) if whole else None
    measured = _SPEED.fullmatch(cells[-2]) if whole else None
    if test is None or measured is None:
        return _cut_off("row of the table", *cells[:3])
    prompt, new, depth = (count(part or "0") for part in test.groups())
    speed = positive(measured[1])
    same = len(cells) == len(header) and "threads" in header
    return Result(
        None,
        "ok" if speed is not None else "failed",
        reason=None if speed is not None else NO_SPEED,
        format=FORMAT,
        tokens_per_second=speed,
        tokens_per_second_std=number(measured[2]) if speed is not None else None,
        definition=definition_of(prompt or 0, new or 0),
        prompt_tokens=prompt,
        new_tokens=new,
        model=words(cells[0]),
        model_bytes=_model_bytes(cells[1]),
        model_parameters=_model_parameters(cells[2]),
        device=words(cells[3]),
        threads=count(cells[header.index("threads")]) if same else None,
        warnings=depth_remark(depth),
    )


def _cut_off(what: str, model: object, size: str = "", parameters: str = "") -> Result:
    return Result(
        None,
        "failed",
        reason=f"its {what} is cut off",
        format=FORMAT,
        definition=None,
        model=words(model),
        model_bytes=_model_bytes(size),
        model_parameters=_model_parameters(parameters),
    )


def _model_bytes(cell: str) -> int | None:
    match = _SIZE.fullmatch(cell)
    return size_in_bytes(match[1], match[2]) if match else None


def _model_parameters(cell: str) -> int | None:
    match = _PARAMETERS.fullmatch(cell)
    return parameters(match[1], match[2]) if match else None


def _of_records(output: _Output, line: str) -> Result | None:
    if line.startswith("{"):
        return run_of(_parsed(line))
    if line.startswith(BEGIN):
        return run_of_statement(line)
    if line.startswith(f"{_FIRST},"):
        output.columns = line.rstrip().split(",")
        return None
    if line.startswith('"') and line.rstrip().endswith('"') and output.columns:
        return _of_csv(output.columns, line)
    return _of_json(output, line.strip())


def _of_csv(columns: list[str], line: str) -> Result | None:
    try:
        values = next(csv.reader([line.rstrip()]), [])
    except csv.Error:
        return None
    return run_of(dict(zip(columns, values, strict=True))) if len(values) == len(columns) else None


def _of_json(output: _Output, line: str) -> Result | None:
    """Take a field of a record that has a line for each; the run that it completes."""
    match = _KEY.match(line)
    if match is None:
        return None
    before = None
    if match[1] == _FIRST:
        before, output.record = _unfinished(output.record), {}
    if len(output.record) < _MOST_FIELDS:
        output.record.setdefault(match[1], _parsed(line[match.end() :].removesuffix(",")))
    if match[1] == _LAST:
        run, output.record = run_of(output.record), {}
        return run
    return before


def _unfinished(record: dict[str, Any]) -> Result | None:
    """The run of a record without an end, if there is enough to know it for one."""
    if not record.keys() >= {_FIRST, "model_filename"}:
        return None
    return _cut_off("record", record.get("model_type") or record["model_filename"])


def _parsed(text: str) -> Any | None:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
