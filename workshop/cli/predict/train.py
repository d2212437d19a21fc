"""``workshop predict train``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from workshop.cli.options import with_options
from workshop.cli.predict.options import MODEL_NUMBERS

if TYPE_CHECKING:
    from workshop.roofline.training import Cluster, Layout, Recipe, Training
    from workshop.roofline.training_memory import TrainingMemory

GB = 1e9
TOKENS = click.FloatRange(1, 1e18)


@dataclass(frozen=True)
class Reading:
    """One reading of training, as it is printed with --json."""

    step_seconds: float
    step_tokens: int
    tokens_per_second_per_gpu: float
    mfu: float
    gpu_hours: float
    days: float
    memory_gb: dict[str, float]
    memory_total_gb: float
    fits: bool
    breakdown_seconds: dict[str, float]
    hidden_seconds: dict[str, float]
    price: float | None = None


@click.command()
@click.argument("model", required=False)
@click.option("--gpu", metavar="NAME", help="GPU from the built-in tables or your site's.")
@click.option(
    "--gpus", type=click.IntRange(1, 10**6), default=1, show_default=True, help="Number of GPUs."
)
@click.option("--tokens", type=TOKENS, required=True, help="Tokens to train on, such as 1e12.")
@click.option("--tp", type=click.IntRange(1), default=1, help="Tensor-parallel size.  [1]")
@click.option("--pp", type=click.IntRange(1), default=1, help="Pipeline-parallel size.  [1]")
@click.option("--dp", type=click.IntRange(1), help="Data-parallel size.  [GPUs / (tp x pp)]")
@click.option(
    "--zero",
    type=click.IntRange(0, 3),
    default=1,
    help="ZeRO stage: 1 shards the optimizer, 2 gradients too, 3 weights too.  [1]",
)
@click.option(
    "--micro-batch",
    type=click.IntRange(1, 10**6),
    default=1,
    help="Micro-batch size in sequences.  [1]",
)
@click.option(
    "--recompute",
    type=click.Choice(["none", "selective", "full"]),
    default="selective",
    help="Activation recomputation.  [selective]",
)
@click.option(
    "--sequence", type=click.IntRange(1, 10**9), help="Sequence length.  [the model's context]"
)
@click.option(
    "--batch-tokens", type=TOKENS, default=4e6, help="Global batch size in tokens.  [4e6]"
)
@click.option(
    "--flops-efficiency",
    type=click.FloatRange(0, 1, min_open=True),
    help="Fraction of peak FLOP/s reached over whole steps.",
)
@click.option("--cost-per-gpu-hour", type=click.FloatRange(0), help="Price per GPU-hour.")
@click.option("--json", "as_json", is_flag=True, help="Print both readings as JSON.")
@with_options(MODEL_NUMBERS)
def train(
    model: str | None,
    gpu: str | None,
    gpus: int,
    tokens: float,
    cost_per_gpu_hour: float | None,
    flops_efficiency: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Predict the cost of training MODEL: step time, GPU-hours, memory per GPU.

    A step takes 6 x tokens x parameters FLOP, plus attention. Only exposed communication, which
    does not overlap with computation, adds to its time.
    """
    from workshop.cli.predict.options import shape_of, usage_errors
    from workshop.record.results import to_json
    from workshop.roofline.device import devices, find_device
    from workshop.roofline.efficiency import IDEAL, expected
    from workshop.roofline.training import Cluster, Recipe, layout_of
    from workshop.roofline.training import train as predict_training
    from workshop.roofline.training_memory import training_memory
    from workshop.util.errors import UsageError

    if gpu is None:
        raise UsageError(f"name a device with --gpu; those there are: {', '.join(devices())}")
    with usage_errors():
        shape, cluster = shape_of(model, options), Cluster(find_device(gpu), gpus)
        names = ("tp", "pp", "dp", "zero", "micro_batch", "recompute", "sequence", "batch_tokens")
        recipe = Recipe(**{name: options[name] for name in names})
        layout = layout_of(shape, cluster, recipe)
        reached = expected()
        if flops_efficiency is not None:
            reached = replace(reached, training_flops=flops_efficiency)
        memory = training_memory(shape, layout)
        ideal, likely = (
            _reading(
                predict_training(shape, cluster, recipe, tokens, one),
                memory,
                cluster,
                cost_per_gpu_hour,
            )
            for one in (IDEAL, reached)
        )
    if as_json:
        click.echo(to_json({"ideal": ideal, "expected": likely}))
        return
    click.echo(f"{shape.name} on {gpus} x {cluster.device.name}: {_words(layout)}")
    _show(ideal, likely)
    if not likely.fits:
        click.echo(_too_large(shape, cluster, recipe, memory))


def _reading(
    one: Training, memory: TrainingMemory, cluster: Cluster, cost: float | None
) -> Reading:
    kinds = ("weights", "gradients", "optimizer", "activations")
    return Reading(
        step_seconds=one.step_seconds,
        step_tokens=one.step_tokens,
        tokens_per_second_per_gpu=one.tokens_per_second_per_gpu,
        mfu=one.mfu,
        gpu_hours=one.gpu_hours,
        days=one.gpu_hours / cluster.gpus / 24,
        memory_gb={kind: getattr(memory, kind) / GB for kind in kinds},
        memory_total_gb=memory.total / GB,
        fits=memory.total <= cluster.device.memory,
        breakdown_seconds=one.breakdown_seconds,
        hidden_seconds=one.hidden_seconds,
        price=None if cost is None else cost * one.gpu_hours,
    )


def _words(layout: Layout) -> str:
    return (
        f"tp {layout.tp}, pp {layout.pp}, dp {layout.dp}, ZeRO {layout.zero}, "
        f"{layout.micro_batches} micro-batches of {layout.micro_batch} x {layout.sequence} tokens, "
        f"recomputes {layout.recompute}"
    )


def _show(ideal: Reading, likely: Reading) -> None:
    from workshop.cli.predict.show import printed, table

    both = (ideal, likely)
    rows = [
        ("step", *(f"{one.step_seconds:.4g} s" for one in both)),
        ("tokens of a step", *(f"{one.step_tokens:,}" for one in both)),
        ("tokens/s of a GPU", *(f"{one.tokens_per_second_per_gpu:.4g}" for one in both)),
        ("MFU", *(f"{one.mfu:.1%}" for one in both)),
        ("GPU-hours", *(f"{one.gpu_hours:,.4g}" for one in both)),
        ("days", *(f"{one.days:.4g}" for one in both)),
    ]
    if likely.price is not None:
        rows.append(("price", *(f"{one.price:,.0f}" for one in both)))
    rows += [
        (f"{kind}, each GPU", *(f"{one.memory_gb[kind]:.4g} GB" for one in both))
        for kind in ideal.memory_gb
    ]
    rows.append(("memory, each GPU", *(f"{one.memory_total_gb:.4g} GB" for one in both)))
    printed(table(("", "ideal", "expected"), rows))
    parts = [
        (
            name.replace("_", " "),
            f"{ideal.breakdown_seconds[name]:.4g}",
            f"{likely.breakdown_seconds[name]:.4g}",
            f"{likely.hidden_seconds[name]:.4g}" if name in likely.hidden_seconds else "",
        )
        for name in ideal.breakdown_seconds
    ]
    printed(table(("seconds of a step", "ideal", "expected", "hidden, expected"), parts))


def _too_large(shape: Any, cluster: Cluster, recipe: Recipe, memory: TrainingMemory) -> str:
    from workshop.roofline.training_memory import more_gpus, smallest_change

    said = (
        f"It does not fit: {memory.total / GB:.4g} GB on each GPU, and {cluster.device.name} has "
        f"{cluster.device.memory_gb:g} GB."
    )
    words = smallest_change(shape, cluster, recipe)
    if words is not None:
        return f"{said} With {' and '.join(words)} it would."
    said += " No other way to share it out fits these GPUs"
    found = more_gpus(shape, cluster, recipe)
    if found is None:
        return f"{said}, nor a few thousand times as many."
    gpus, words = found
    return f"{said}: with {' and '.join([f'--gpus {gpus}', *words])} it would."
