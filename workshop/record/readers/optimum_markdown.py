"""optimum-benchmark's report as Markdown: a heading a phase, one a measurement, and a table each.

    # decode:

    ## memory:

    | metric | value | unit |
    | max_ram          |          505.05 | MB |
    ## throughput:

    | metric     |     value   |   unit |
    | throughput | 76.00 | tokens/s |

It is put together to the document that ``benchmark_report.json`` has, and read as that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workshop.record.readers import optimum
from workshop.record.readers.units import LONGEST, RUNS
from workshop.record.results import Result

NAME = "optimum-benchmark-markdown"
ANCHORS = (b"## latency:", b"## throughput:")
NEEDLES = (b"# ", b"| mean ", b"| throughput ", b"| max_")

_PHASE = re.compile(r"# (\w{1,60}):\s*")
_MEASUREMENT = re.compile(r"## (\w{1,60}):\s*")
_ROW = re.compile(r"\| (mean|throughput|max_\w{1,40}) *\| *(\S{1,40}) \| *(\S{1,20}) \|\s*")
_OF = {
    "mean": "latency",
    "throughput": "throughput",
    "max_ram": "memory",
    "max_process_vram": "memory",
    "max_allocated": "memory",
}
_FIRST = "load_model"  # the phase that a report begins with

Report = dict[str, dict[str, dict[str, str]]]


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs in these lines: one a report."""
    reports: list[Report] = [{}]
    phase = measurement = None
    for line in lines:
        if len(line) > LONGEST:
            continue
        if match := _PHASE.fullmatch(line):
            phase, measurement = match[1], None
            if phase == _FIRST and phase in reports[-1] and len(reports) <= RUNS:
                reports.append({})
            reports[-1].setdefault(phase, {})
        elif match := _MEASUREMENT.fullmatch(line):
            measurement = match[1]
        elif (match := _ROW.fullmatch(line)) and phase is not None:
            name, value, unit = match.groups()
            if measurement is not None and measurement == _OF.get(name):
                key = "value" if name == "throughput" else name
                table = reports[-1][phase].setdefault(measurement, {"unit": unit})
                if table["unit"] == unit:  # a table has one
                    table.setdefault(key, value)
    return optimum.results(reports, file_name)
