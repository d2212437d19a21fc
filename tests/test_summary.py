"""The table: tokens/s with its spread, and both factors, each against the right stage."""

from __future__ import annotations

import io
from typing import Any

from builders import failed
from builders import result as plain_result
from rich.console import Console

from workshop.analysis.table import number, table
from workshop.record.results import Reference, Result
from workshop.stages import STAGES


def result(stage: str, *speeds: float, **fields: Any) -> Result:
    return plain_result(stage, *speeds, against=STAGES[stage].against, **fields)


def printed(*results: Result) -> dict[str, list[str]]:
    """Cells by row name."""
    out = io.StringIO()
    Console(file=out, width=160).print(table(results))
    rows = [line.split("  ") for line in out.getvalue().splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    return {row[0]: row[1:] for row in cells if row}


def test_factors_are_against_baseline_and_against_the_stage_built_on() -> None:
    rows = printed(
        result("baseline", 99, 101),
        result("compile", 150, 150),
        result("quantize", 300, 300),
        result("speculative", 450, 450),
        result("tp", 60, 60),
    )
    assert rows["baseline"][:3] == ["100 ± 1.4", "1.00x", "-"]
    assert rows["compile"][1:3] == ["1.50x", "1.50x baseline"]
    assert rows["quantize"][1:3] == ["3.00x", "2.00x compile"]
    assert rows["speculative"][1:3] == ["4.50x", "1.50x quantize"]
    assert rows["tp"][1:3] == ["0.60x", "0.20x quantize"]


def test_a_stage_without_a_number_has_no_number() -> None:
    rows = printed(result("baseline", 100), failed("compile"), result("quantize", 300))
    assert rows["compile"] == ["no result"]
    assert rows["quantize"][1:3] == ["3.00x", "-"]


def test_the_reference_stands_under_the_stage_that_it_belongs_to() -> None:
    beside = Reference("baseline in float32", 150.0, 2.0, [148.0, 152.0])
    rows = printed(result("baseline", 100, reference=beside))
    assert rows["(baseline in float32)"] == ["150 ± 2.0", "1.50x"]


def test_a_stage_changed_by_an_option_does_not_stand_in_for_the_stage() -> None:
    changed = result("compile", 150, options={"dtype": "float32"})
    rows = printed(result("baseline", 100), changed, result("quantize", 300))
    assert rows["quantize"][2] == "-"
    assert rows["compile (dtype float32)"][1] == "1.50x"


def test_numbers_have_three_digits_that_mean_something() -> None:
    assert [number(x) for x in (0.01934, 3.412, 24.11, 241.4, 1431.0, None)] == [
        "0.0193",
        "3.41",
        "24.1",
        "241",
        "1431",
        "-",
    ]
