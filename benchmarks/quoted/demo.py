"""What is told of the demo: the table of its stages, and a comparison of two logs."""

from __future__ import annotations

import io

from quoted.stored import Stored
from quoted.words import digits, in_words, table, times
from workshop.analysis.compare import compare
from workshop.analysis.table import speed
from workshop.cli.compare import table as compared
from workshop.record.results import Result
from workshop.stages import BASELINE

WIDTH = 126  # of the comparison's table: no row wraps


def stages(stored: Stored) -> str:
    """The table of the stages, and how long all of it took."""
    rows = [stage_row(stored, name, run) for name, run in stored.demo.items()]
    took = stored.part("demo")
    cold, warm = (f"{took[f'{kind}_seconds']:.0f} s" for kind in ("cold", "warm"))
    head = ("stage", "tokens/s", "against baseline", "against the stage it builds on")
    return (
        f"{table(head, rows)}\n\n"
        f"The {in_words(len(rows))} logs are in `plots/logs/`. The whole demo took {warm} with a "
        f"warm compile cache and {cold} with a cold one.\n\n{stored.footer('demo')}"
    )


def stage_row(stored: Stored, name: str, run: Result) -> tuple[str, ...]:
    against = run.against
    on_baseline = "" if name == BASELINE else times(stored.speed(name) / stored.speed(BASELINE))
    on_other = f"{times(stored.speed(name) / stored.speed(against))} {against}" if against else ""
    return (name, speed(run.tokens_per_second, run.tokens_per_second_std), on_baseline, on_other)


def comparison(stored: Stored) -> str:
    """`workshop compare` of all logs with one of them: what is no change at all."""
    from rich.console import Console

    found = compare(list(stored.demo.values()), [stored.demo["quantize"]])
    out = io.StringIO()
    Console(file=out, width=WIDTH, force_terminal=False).print(compared(found))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    lines += [f"{label}: {why}" for label, why in found.missing.items()]
    command = "$ workshop compare plots/logs plots/logs/job-quantize.out"
    return "\n".join(f"    {line}".rstrip() for line in (command, *lines))


def loading(stored: Stored) -> str:
    """How long the demo loaded its model, which is widened meanwhile."""
    bf16, int8 = (digits(stored.demo[name].load_seconds or 0.0) for name in ("compile", "quantize"))
    return (
        f"Loading `tiny` took {bf16} s in bf16 and {int8} s in int8 with two threads.\n\n"
        f"{stored.footer('demo')}"
    )
