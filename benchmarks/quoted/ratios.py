"""Benchmarks that run several things in turns: what each is against another."""

from __future__ import annotations

from typing import Any

from quoted.stored import Stored
from quoted.words import listed, spread, table, times_spread


def stages(stored: Stored) -> str:
    """The stages against each other, on held-out prompts."""
    found = stored.part("stages")
    rows = []
    for pair, ratio in found["ratio"].items():
        name, against = pair.split(" / ")
        accepted = found["acceptance_rate"].get(name)
        told = f"{accepted['median'] * 100:.0f} %" if accepted else ""
        rows.append(
            (name, spread(found["tokens_per_second"][name]), against, times_spread(ratio), told)
        )
    head = ("", "tokens/s", "against", "ratio", "proposed tokens accepted")
    return (
        f"{table(head, rows)}\n\n"
        f"Medians of {found['rounds']} rounds, with minimum and maximum in brackets; each ratio "
        f"compares two runs of the same round.\n\n{stored.footer('stages')}"
    )


def peers(stored: Stored) -> str:
    """Ours against what people would pick instead, with the same weights."""
    if not stored.has("peers"):
        return "`python benchmarks/figures.py measure --only peers` measures them."
    found = stored.part("peers")
    rows = [
        (
            one["ours"].removeprefix("ours "),
            one["against"],
            times_spread({"median": one["ratio"], "min": one["least"], "max": one["most"]}),
        )
        for one in found["ratios"]
    ]
    return (
        f"{table(('ours', 'against', 'ratio'), rows)}\n\n"
        f"{found['parameters'] / 1e6:.0f}M parameters, {found['threads']} threads, medians of the "
        f"ratios within {found['rounds']} rounds, with minimum and maximum in brackets."
        f"{missing(found)}\n\n{stored.footer('peers')}"
    )


def missing(found: dict[str, Any]) -> str:
    """The engines that did not run; why not, the benchmark says on standard error."""
    return f" Not run: {listed(list(found['left_out']))}." if found["left_out"] else ""
