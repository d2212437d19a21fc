"""What quantising costs: the table of docs/quality.md."""

from __future__ import annotations

from typing import Any

from quoted.stored import Stored
from quoted.words import table

HEAD = ("", "MB", "perplexity", "loss, nats per token", "same top token", "KL")


def quantized(stored: Stored) -> str:
    """Every way to quantise the embedded model, against itself in bf16."""
    found = stored.part("quality")
    first = found["rows"][0]
    rows = [("bf16", "", f"{first['reference_perplexity']:.4f}", "", "", "")]
    rows += [cells(one) for one in found["rows"]]
    return f"{table(HEAD, rows)}\n\n{stored.footer('quality')}"


def cells(one: dict[str, Any]) -> tuple[str, ...]:
    name = one["quantize"]
    name += f", groups of {one['group_size']}" if one["group_size"] else ""
    name += ", calibrated" if one["calibrated"] else ""
    name += ", int8 activations" if one["activations"] == "int8" else ""
    return (
        name,
        f"{one['megabytes']:.1f}" if one["megabytes"] else "",
        f"{one['perplexity']:.4f}",
        f"{one['loss_increase']:+.5f} ± {one['loss_increase_error']:.5f}",
        f"{100 * one['agreement']:.2f} %",
        f"{one['divergence']:.5f}",
    )
