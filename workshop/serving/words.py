"""What people read of a level, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from workshop.serving.records import Record
from workshop.serving.summary import PERCENTILES, Goodput, Spread, Summary
from workshop.util.text import number

_HEAD = ("", "mean", *(f"p{share}" for share in PERCENTILES), "most")


def lines_of(record: Record) -> Iterator[str]:
    """A level's numbers as a small table, and sentences below it."""
    summary = record.serving
    yield _counts(summary)
    if summary.tokens_per_second is not None and summary.requests_per_second is not None:
        yield (
            f"Throughput: {number(summary.tokens_per_second)} new tokens/s, "
            f"{number(summary.requests_per_second)} requests/s"
        )
    rows = [
        ("TTFT, ms", summary.ttft, 1e3),
        ("TPOT, ms", summary.tpot, 1e3),
        ("inter-token latency, ms", summary.itl, 1e3),
        ("request latency, s", summary.latency, 1.0),
        ("tokens/s of a request", summary.request_tokens_per_second, 1.0),
    ]
    known = [_row(name, spread, scale) for name, spread, scale in rows if spread is not None]
    if known:
        yield _laid_out(_HEAD)
        yield from map(_laid_out, known)
    if summary.tokens_per_event is not None and summary.tokens_per_event > 1.05:
        yield f"An event has {summary.tokens_per_event:.2f} tokens on average."
    if summary.goodput is not None:
        yield _goodput(summary.goodput)
    for warning in record.result.warnings:
        yield f"Warning: {warning}"
    if record.result.reason is not None:
        yield f"No complete result: {record.result.reason}"


def _counts(summary: Summary) -> str:
    counted = [f"{summary.answered} of {summary.requests} requests answered"]
    uncounted = [
        (summary.errors, "failed"),
        (summary.timeouts, "timed out"),
        (summary.short, "too short"),
        (summary.unfinished, "unfinished"),
    ]
    counted += [f"{count} {what}" for count, what in uncounted if count]
    wall = f" in {number(summary.wall_seconds)} s" if summary.wall_seconds else ""
    return ", ".join(counted) + wall


def _row(name: str, spread: Spread, scale: float) -> tuple[str, ...]:
    values = [spread.mean, *(spread.percentiles[str(share)] for share in PERCENTILES), spread.most]
    return (name, *(number(value * scale) for value in values))


def _laid_out(cells: tuple[str, ...]) -> str:
    name, *values = cells
    return f"  {name:<24}" + "".join(f"{value:>10}" for value in values)


def _goodput(goodput: Goodput) -> str:
    targets = goodput.targets
    limits = [
        f"{name} of {number(seconds * 1e3)} ms"
        for name, seconds in (("TTFT", targets.ttft_seconds), ("TPOT", targets.tpot_seconds))
        if seconds is not None
    ]
    return (
        f"Goodput: {number(goodput.requests_per_second)} requests/s within a "
        f"{' and a '.join(limits)} ({goodput.share:.1%} of the requests)"
    )
