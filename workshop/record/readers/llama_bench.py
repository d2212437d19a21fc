"""llama-bench in a job's log: its table (``-o md``), and its records between other lines.

A row of the table is a run. A test ``tg128`` decodes 128 tokens, ``pp512`` reads a prompt of 512,
``pp512+tg128`` does both. In a job's log, what the GPU's driver says stands before JSON and CSV,
so that the file as a whole is neither. ``-o sql`` is text in any case. The first versions' table
has no columns for the size. The cells of a row are named by the header; a row with another number
of cells, from another build or edited by hand, has settings without names. The line ``build: ...``
after a table names the build of all its rows.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from workshop.record.readers.decimals import with_points
from workshop.record.readers.llama_bench_record import (
    AFTER_PROMPT,
    DECODE,
    FORMAT,
    NO_SPEED,
    build_conditions,
    definition_of,
    depth_remark,
    run_of,
)
from workshop.record.readers.llama_bench_settings import (
    LONG_NAMES,
    conditions_of,
    depth_conditions,
)
from workshop.record.readers.llama_bench_sql import BEGIN, run_of_statement
from workshop.record.readers.units import (
    LABELS,
    RUNS,
    capped,
    count,
    labelled,
    number,
    parameters,
    positive,
    size_in_bytes,
    words,
)
from workshop.record.results import Condition, Definition, Result

NAME = FORMAT
ANCHORS = ("±".encode(), b"| backend ", b"build_commit", b'"avg_ts"', b'.gguf"')
NEEDLES = (
    b"iB | ",
    b" t/s |",
    " ± ".encode(),
    b"build_commit",  # in a statement of SQL, too
    b'.gguf"',
    b'": ',  # a field of a record in JSON
    b"build: ",
)

_SIZE = re.compile(r"([\d.]+) ([MGT]iB)", re.ASCII)
_PARAMETERS = re.compile(r"([\d.]+) ([KMBT])", re.ASCII)
_TEST = re.compile(r"(?=pp|tg)(?:pp ?(\d+))?\+?(?:tg ?(\d+))?(?: @ d(\d+))?", re.ASCII)
_BUILD = re.compile(r"build: (\w{1,64}) \((\d{1,9})\)\s*", re.ASCII)
_SPEED = re.compile(r"(\S+)(?: ± (\S+))?")
_NUMBER = re.compile(r"\d[\d.]*(?:[eE][+-]?\d+)?|-?nan|inf", re.ASCII)
_KEY = re.compile(r'"(\w{1,40})": ')
_BEFORE_SETTINGS = ["model", "size", "params", "backend"]
_FEWEST = 6  # columns: those, test and t/s
_FIRST, _LAST = "build_commit", "samples_ts"  # of a record in JSON
_MOST_FIELDS = 200


@dataclass
class _Held:
    """A run, and whether a build may still be named for it."""

    result: Result
    is_open: bool = False


@dataclass
class _Output:
    """What was seen of the output that is being read.

    Attributes:
        header: of the table.
        rows: of the table, whose build is to be named.
        columns: of the CSV.
        record: the fields of a JSON record whose end is to come.
    """

    header: list[str] = field(default_factory=list)
    rows: list[_Held] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs of all tables and records in these lines."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    outputs: dict[str, _Output] = {}
    held: deque[_Held] = deque()  # in the order of the log
    for label, line in labelled(with_points(lines)):
        if label not in outputs and len(outputs) >= LABELS:
            continue
        output = outputs.setdefault(label, _Output())
        text = line.strip()
        if text.startswith("|"):
            held.extend(_of_table(output, text))
        elif match := _BUILD.fullmatch(text):
            _end_table(output, build_conditions(match[1], match[2]))
        elif run := _of_records(output, line):
            held.append(_Held(run))
        while held and (not held[0].is_open or len(held) > RUNS):
            yield held.popleft().result
    yield from (run.result for run in held)
    yield from (run for output in outputs.values() if (run := _unfinished(output.record)))


def _end_table(output: _Output, build: dict[str, Condition]) -> None:
    for row in output.rows:
        row.result = replace(row.result, conditions=row.result.conditions | build)
        row.is_open = False
    output.rows = []


def _of_table(output: _Output, line: str) -> list[_Held]:
    """Take a line of a table; the run of a row."""
    run = _of_row(output, [cell.strip() for cell in line.split("|")[1:]])
    if run is None:
        return []
    row = _Held(run, is_open=len(output.rows) < RUNS)
    if row.is_open:
        output.rows.append(row)
    return [row]


def _of_row(output: _Output, cells: list[str]) -> Result | None:
    if cells[0] == "model" and "t/s" in cells:
        _end_table(output, {})
        output.header = cells
    elif len(cells) > 2 and _SIZE.fullmatch(cells[1]) and _PARAMETERS.fullmatch(cells[2]):
        if not _is_whole(cells) or len(cells) <= _FEWEST:
            return _cut_off("row of the table", *cells[:3])
        return _row(cells, output.header)
    elif "size" not in output.header and len(cells) == len(output.header) and _is_whole(cells):
        return _row(cells, output.header)
    return None


def _is_whole(cells: list[str]) -> bool:
    """Whether a row ends with a test and a speed, and with the sign that ends a row."""
    if len(cells) < 4 or cells[-1]:
        return False
    speed = _SPEED.fullmatch(cells[-2])
    return speed is not None and _NUMBER.fullmatch(speed[1]) is not None and _is_test(cells[-3])


def _is_test(cell: str) -> bool:
    return (_TEST.fullmatch(cell) or AFTER_PROMPT.fullmatch(cell)) is not None


def _row(cells: list[str], header: list[str]) -> Result:
    """The run of a whole row."""
    named, without_names = _by_column(cells, header)
    prompt, new, depth, definition = _what_is_tested(cells[-3])
    measured = _SPEED.fullmatch(cells[-2])
    speed = positive(measured[1]) if measured else None
    spread = number(measured[2]) if measured and speed is not None else None
    return Result(
        None,
        "ok" if speed is not None else "failed",
        reason=None if speed is not None else NO_SPEED,
        format=FORMAT,
        tokens_per_second=speed,
        tokens_per_second_std=spread,
        definition=definition,
        prompt_tokens=prompt,
        new_tokens=new,
        model=words(cells[0]),
        model_bytes=_model_bytes(named.get("size", "")),
        model_parameters=_model_parameters(named.get("params", "")),
        device=words(named.pop("backends", None)),
        threads=count(named.get("n_threads")),
        conditions=conditions_of(named) | without_names | depth_conditions(depth),
        warnings=depth_remark(depth),
    )


def _by_column(cells: list[str], header: list[str]) -> tuple[dict[str, str], dict[str, Condition]]:
    """A row's cells by the long names of their columns, and the settings that have no name.

    Without a header for it, the first setting is known: layers on the GPU, or on a CPU threads.
    """
    if len(cells) == len(header):
        named = zip(header[:-1], cells[:-1], strict=True)
        return {LONG_NAMES.get(name, name): cell for name, cell in named}, {}
    names = [LONG_NAMES.get(name, name) for name in _BEFORE_SETTINGS]
    found = dict(zip(names, cells, strict=False))
    settings = cells[len(names) : -3]
    if settings:
        on_cpu = cells[3] in ("CPU", "BLAS")
        found["n_threads" if on_cpu else "n_gpu_layers"] = settings[0]
    rest = words(", ".join(settings[1:]))
    return found, {"settings without names": rest} if rest else {}


def _what_is_tested(
    test: str,
) -> tuple[int | None, int | None, int | None, Definition | None]:
    """The tokens of the prompt, the new ones, those in the KV cache before, and what is counted."""
    if after := AFTER_PROMPT.fullmatch(test):
        return count(after[2]), count(after[1]), count(after[2]), DECODE
    match = _TEST.fullmatch(test)
    prompt, new, depth = (count(part or "0") for part in match.groups()) if match else (None,) * 3
    return prompt, new, depth, definition_of(prompt or 0, new or 0)


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
