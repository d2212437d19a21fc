"""Results to the table that people look at first."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from workshop.analysis.identity import find
from workshop.record.results import Result
from workshop.stages import BASELINE

MISSING = "-"


def number(value: float | None, digits: int = 3) -> str:
    """Three digits that mean something: 0.0193, 3.41, 241, 1430."""
    if value is None:
        return MISSING
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.{digits}g}".rstrip(".")


def factor(result: Result, against: Result | None) -> str:
    """'1.56x', by tokens/s."""
    if against is None or not against.tokens_per_second or result.tokens_per_second is None:
        return MISSING
    return f"{result.tokens_per_second / against.tokens_per_second:.2f}x"


def scaled(value: float | None, by: float) -> float | None:
    return None if value is None else value * by


def table(results: Sequence[Result]) -> Table:
    """One row a stage; the factors are of tokens/s, against baseline and the stage built on."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column("stage", no_wrap=True)
    for name in (
        "tokens/s",
        "vs baseline",
        "vs the stage\nit builds on",
        "TTFT\nms",
        "TPOT\nms",
        "memory\nMB",
        "bandwidth\nGB/s",
        "MBU\n%",
        "compile\ns",
    ):
        shown.add_column(name, justify="right", no_wrap=True)
    for result in results:
        shown.add_row(*cells(result, results))
        if result.reference:
            beside = speed(
                result.reference.tokens_per_second, result.reference.tokens_per_second_std
            )
            against = result.tokens_per_second
            ratio = f"{result.reference.tokens_per_second / against:.2f}x" if against else MISSING
            shown.add_row(f"  ({result.reference.label})", beside, ratio)
    return shown


def speed(tokens_per_second: float | None, std: float | None) -> str:
    mean = number(tokens_per_second)
    return f"{mean} ± {number(std, 2)}" if std is not None else mean


def cells(result: Result, results: Sequence[Result]) -> list[str]:
    if result.tokens_per_second is None:
        return [result.label, "no result"]
    against = find(results, result.against)
    ratio = factor(result, against)
    return [
        result.label,
        speed(result.tokens_per_second, result.tokens_per_second_std),
        factor(result, find(results, BASELINE)),
        ratio if ratio == MISSING else f"{ratio} {result.against}",
        number(scaled(result.ttft_seconds, 1e3)),
        number(scaled(result.tpot_seconds, 1e3)),
        number(scaled(result.memory_gb, 1e3)),
        number(result.bandwidth_gb_per_second),
        number(scaled(result.mbu, 100)),
        number(result.compile_seconds),
    ]
