"""``workshop quality``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from workshop.record.results import Quality, to_json
from workshop.runner import compile_cache, failure
from workshop.stages.settings import WEIGHT_BITS, Activations
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.llm.model import Llama
    from workshop.llm.quantization.quantize import Quantization


@dataclass(frozen=True)
class Measured:
    """A line of the table: one way to quantise a model."""

    model: str
    quantize: str
    group_size: int | None
    text: str
    quality: Quality
    activations: Activations = "dtype"


@click.command()
@click.argument("model", default="tiny:1")
@click.option(
    "--quantize",
    "method",
    type=click.Choice(list(WEIGHT_BITS)),
    help="Precision to measure.  [int8, and int4 in groups of 32, 64 and 128]",
)
@click.option(
    "--group-size",
    type=click.Choice(["32", "64", "128"]),
    help="Weights per scale in int4.  [32]",
)
@click.option(
    "--activations",
    type=click.Choice(["dtype", "int8"]),
    default="dtype",
    help="int8: quantise activations as well (CPU only).  [dtype]",
)
@click.option(
    "--against",
    metavar="MODEL",
    help="The unquantised model, if MODEL is a quantised checkpoint.",
)
@click.option(
    "--text",
    default="embedded",
    metavar="FILE",
    help="Text to read, in UTF-8.  [embedded: a text that the models were not trained on]",
)
@click.option(
    "--tokens",
    type=click.IntRange(2),
    default=8192,
    help="Number of tokens to read.  [8192]",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    help="Device to measure on; cuda stands for AMD GPUs too.  [auto]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def quality(
    model: str,
    method: str | None,
    group_size: str | None,
    activations: Activations,
    against: str | None,
    text: str,
    tokens: int,
    device: str,
    as_json: bool,
) -> None:
    """Measure what quantising MODEL costs: perplexity and agreement, against the model in bf16.

    Both models read the same text, and their predictions are compared token by token. MODEL is a
    checkpoint directory or an embedded model: 'tiny:1' by default, or 'tiny', which the stages run
    and which takes minutes here.
    """
    if group_size is not None and method != "int4":
        raise UsageError("--group-size is for int4: add --quantize int4")

    compile_cache.keep()  # before torch is imported

    from workshop.llm.quantization.int4 import GroupError
    from workshop.llm.text.errors import TokenizerError
    from workshop.llm.weights.checkpoint import CheckpointError
    from workshop.runner.models import find_model, stored_quantization

    found = find_model(model)
    if found.random:
        raise UsageError(f"{model} has random weights: there is no quality to lose")
    try:
        stored = stored_quantization(found)
        if stored is None and against is not None:
            raise UsageError(f"{model} is not quantised: --against is for checkpoints that are")
        if stored is not None and (against is None or method is not None):
            raise UsageError(
                f"{model} is an {stored} checkpoint: name the model that it was made from with "
                "--against, and leave out --quantize"
            )
        ways = [stored] if stored is not None else chosen(method, group_size)
        measured = measure(model, against or model, ways, activations, text, tokens, device)
    except (CheckpointError, TokenizerError, GroupError) as error:
        raise UsageError(str(error)) from None
    except ArithmeticError as error:
        raise click.ClickException(str(error)) from None
    except UsageError:
        raise
    except Exception as error:  # no compiler, or one that refuses our kernels
        why = failure.explain(error)
        if not why.expected:
            raise
        raise click.ClickException(f"{why.reason}: {why.advice}") from None
    click.echo(to_json(measured) if as_json else "\n".join(lines(measured)))


def chosen(method: str | None, group_size: str | None) -> list[Quantization]:
    """The ways to quantise that the options ask for; all of them without a method.

    Raises:
        UsageError: a precision that weights cannot be stored in here.
    """
    from workshop.cli.model import way_of
    from workshop.llm.quantization.int4 import GROUP_SIZES
    from workshop.llm.quantization.quantize import INT8, Quantization

    if method is not None:
        return [way_of(method, group_size)]
    return [INT8, *(Quantization("int4", size) for size in GROUP_SIZES)]


def measure(
    model: str,
    against: str,
    ways: list[Quantization],
    activations: Activations,
    text: str,
    tokens: int,
    device: str,
) -> list[Measured]:
    """Each way held against the unquantised model; raises what loading raises."""
    import torch

    from workshop.llm.compile import find_compiler
    from workshop.llm.quantization.quantize import is_quantized
    from workshop.llm.text.tokenizer import Tokenizer
    from workshop.runner.machine import pick_device
    from workshop.runner.models import config_of, find_model, load_model
    from workshop.runner.quality import compare, text_of, windows

    source, original = find_model(model), find_model(against)
    place, dtype = pick_device(device), torch.bfloat16
    if activations == "int8" and place.type != "cpu":
        raise UsageError("--activations int8 is for a CPU: add --device cpu")
    if activations == "int8":
        find_compiler()
    if config_of(original) != config_of(source):
        raise UsageError(f"{against} and {model} are not of one shape")
    rows = windows(
        Tokenizer(original.tokenizer), text_of(text), tokens, config_of(original).context
    )
    reference = load_model(original, dtype, place)
    if is_quantized(reference):
        raise UsageError(f"{against} is quantised itself: name the model that it was made from")

    def quantized(how: Quantization) -> Llama:
        made = load_model(source, dtype, place, how=how)
        if activations == "int8":
            from workshop.llm.native import products

            products.use(made, one_token=False, integers=True)
        return made

    return [
        Measured(
            model,
            how.method,
            how.group_size if how.method == "int4" else None,
            text,
            compare(quantized(how), reference, rows),
            activations,
        )
        for how in ways
    ]


def lines(measured: list[Measured]) -> list[str]:
    """The table, for people."""
    first = measured[0]
    name = f"{'':10}"
    return [
        f"{first.model}, {first.quality.tokens} tokens of text ({first.text})",
        "",
        f"{name}{'perplexity':>12}{'loss, nats/token':>24}{'same top token':>17}{'KL':>10}",
        f"{'bf16':10}{first.quality.reference_perplexity:>12.4f}",
        *(
            f"{called(one):10}{one.quality.perplexity:>12.4f}{increase(one.quality):>24}"
            f"{one.quality.agreement:>17.2%}{one.quality.divergence:>10.5f}"
            for one in measured
        ),
    ]


def called(measured: Measured) -> str:
    groups = f" g{measured.group_size}" if measured.group_size else ""
    return f"{measured.quantize}{groups}{' a8' if measured.activations == 'int8' else ''}"


def increase(quality: Quality) -> str:
    """'+0.00491 ± 0.00066'"""
    error = quality.loss_increase_error
    return f"{quality.loss_increase:+.5f}" + (f" ± {error:.5f}" if error is not None else "")
