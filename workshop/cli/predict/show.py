"""A prediction as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from workshop.cli.predict.options import Asked
    from workshop.roofline.inference import Prediction
    from workshop.roofline.workload import Plan

SAID = {
    "attention": "attention, projections",
    "mlp": "MLP",
    "kv_read": "attention, keys and values",
    "norms": "norms",
    "output_head": "output head",
    "embedding": "embedding",
    "all_reduce": "all-reduce",
    "launch_overhead": "launch overhead",
    "draft": "draft",
}


def show(asked: Asked, ideal: Prediction, expected: Prediction) -> None:
    """Both readings side by side, then where the time goes."""
    click.echo(asked.words)
    both = (ideal, expected)
    rows = [
        ("TTFT", *(f"{one.ttft_seconds * 1e3:.4g} ms" for one in both)),
        ("TPOT", *(f"{one.tpot_seconds * 1e3:.4g} ms" for one in both)),
        ("tokens/s, a sequence", *(f"{one.tokens_per_second:.4g}" for one in both)),
    ]
    if asked.work.batch > 1:
        rows.append(
            ("tokens/s, the batch", *(f"{one.batch_tokens_per_second:.4g}" for one in both))
        )
    if ideal.speedup is not None:
        rows.append(("speed-up by speculation", *(f"{one.speedup or 0:.3g}x" for one in both)))
    each = " on each GPU" if asked.plan.tp > 1 else ""
    rows += [
        (f"weights{each}", *(f"{one.weights_gb:.4g} GB" for one in both)),
        (f"KV cache{each}", *(f"{one.kv_cache_gb:.4g} GB" for one in both)),
        (f"activations{each}", *(f"{one.activations_gb:.4g} GB" for one in both)),
        ("largest batch that fits", *(str(one.max_batch) for one in both)),
        ("MBU, decode", *(f"{one.mbu:.1%}" for one in both)),
        ("MFU, decode", *(f"{one.mfu:.2%}" for one in both)),
        ("MFU, prefill", *(f"{one.prefill_mfu:.1%}" for one in both)),
        ("bound of decode", *(one.bound for one in both)),
        ("bound of prefill", *(one.prefill_bound for one in both)),
    ]
    if expected.price_per_million_tokens is not None:
        rows += [
            ("a million new tokens", *(f"{one.price_per_million_tokens:.4g}" for one in both)),
            (
                "a million prompt tokens",
                *(f"{one.price_per_million_prompt_tokens:.4g}" for one in both),
            ),
        ]
    printed(table(("", "ideal", "expected"), rows))
    printed(_breakdown(ideal, expected))
    if not expected.fits:
        click.echo(too_large(asked, expected))


def too_large(asked: Asked, expected: Prediction) -> str:
    """What does not fit, and the least that would help."""
    need = expected.weights_gb + expected.kv_cache_gb + expected.activations_gb
    said = (
        f"It does not fit: {need:.4g} GB on each GPU, and {asked.device.name} has "
        f"{asked.device.memory_gb:g} GB, of which {asked.reached.usable_memory:.0%} is counted on."
    )
    if expected.max_batch:
        return f"{said} A batch of {expected.max_batch} would."
    return f"{said} {_what_would_fit(asked)}"


def _what_would_fit(asked: Asked) -> str:
    """The fewest ranks that would, and the most bits a weight."""
    from dataclasses import replace

    from workshop.roofline.workload import nodes_for

    plan, helps = asked.plan, []
    for tp in (plan.tp * 2**i for i in range(1, 7)):
        nodes = nodes_for(tp, asked.device.gpus_per_node)
        if _would_fit(asked, replace(plan, tp=tp, nodes=nodes)):
            helps.append(f"--tp {tp}")
            break
    for bits in (8, 4):
        if bits < plan.precision.weight_bits:
            narrower = replace(plan.precision, weight_bits=bits)
            if _would_fit(asked, replace(plan, precision=narrower)):
                helps.append(f"--dtype w{bits}a{plan.precision.activation_bits}")
                break
    if helps:
        return f"{' or '.join(helps)} would."
    return "Neither more ranks nor fewer bits a weight alone would: both, or a smaller model."


def _would_fit(asked: Asked, plan: Plan) -> bool:
    from workshop.roofline.errors import RooflineError
    from workshop.roofline.inference import predict

    try:
        return predict(
            asked.shape, asked.device, asked.work, plan, asked.reached, asked.speculation
        ).fits
    except RooflineError:
        return False


def _breakdown(ideal: Prediction, expected: Prediction) -> Table:
    """Milliseconds of each component of both passes."""
    columns = [
        ideal.prefill_breakdown_seconds,
        expected.prefill_breakdown_seconds,
        ideal.breakdown_seconds,
        expected.breakdown_seconds,
    ]
    names = [name for name in SAID if any(column.get(name) for column in columns)]
    rows = [
        (SAID[name], *(f"{column.get(name, 0.0) * 1e3:.4g}" for column in columns))
        for name in names
    ]
    totals = ("together", *(f"{sum(column.values()) * 1e3:.4g}" for column in columns))
    head = ("milliseconds", "TTFT ideal", "TTFT expected", "TPOT ideal", "TPOT expected")
    return table(head, [*rows, totals])


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> Table:
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for i, name in enumerate(head):
        shown.add_column(name, justify="left" if i < left else "right", no_wrap=True)
    for row in rows:
        shown.add_row(*row)
    return shown


def printed(shown: Table) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal or console.width < 100:
        console = Console(highlight=False, width=100)
    console.print(shown)
