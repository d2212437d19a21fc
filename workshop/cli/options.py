"""Options that set a run's settings, the same for every command that runs a stage."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from workshop import compile_cache
from workshop.stages import Settings, UsageError

C = TypeVar("C", bound=Callable[..., Any])

# A default of None means: what the stage says.
RUN_OPTIONS = [
    click.option("--model", help="tiny, random:<shape> (random:110m), or a checkpoint directory."),
    click.option("--prompt", help="Text to go on from.  [Hello, my name is]"),
    click.option("--samples", type=click.IntRange(1), help="Counted repetitions.  [5]"),
    click.option("--new-tokens", type=click.IntRange(1), help="Most tokens a sample.  [200]"),
    click.option("--temperature", type=click.FloatRange(0), help="0 is greedy.  [0]"),
    click.option("--seed", type=int, help="Of the drawing, at a temperature above 0.  [0]"),
    click.option("--ignore-eos", is_flag=True, default=None, help="Always make all new tokens."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="[auto]"),
]

TECHNIQUE_OPTIONS = [
    click.option("--dtype", type=click.Choice(["bfloat16", "float16", "float32"])),
    click.option("--compile/--no-compile", default=None, help="Static KV cache, torch.compile."),
    click.option("--quantize", type=click.Choice(["none", "int8"]), help="Linear layers' weights."),
    click.option("--speculate", type=click.Choice(["none", "draft", "prompt-lookup"])),
    click.option("--draft", help="Draft model, named as --model names one."),
    click.option("--draft-tokens", type=click.IntRange(1, 16), help="Proposed at a time.  [3]"),
    click.option("--ranks", type=click.IntRange(1), help="Processes that share the model."),
]

CLUSTER_OPTION = click.option(
    "--cluster",
    metavar="NAME|FILE",
    help="The cluster's description.  [./workshop.toml, yours, the site's, or the generic one]",
)


def with_options(options: list[Callable[[C], C]]) -> Callable[[C], C]:
    def decorate(command: C) -> C:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def override(settings: Settings, options: dict[str, Any]) -> Settings:
    """The settings with every option that was given in place of the stage's own."""
    given = {name: value for name, value in options.items() if value is not None}
    return dataclasses.replace(settings, **given)


def check(settings: Settings) -> None:
    """Find out before anything starts what cannot be run here.

    Raises:
        UsageError: settings that do not go together, or a device that is not there.
        ClickException: a model's files that cannot be used.
    """
    compile_cache.keep()  # before torch is imported

    from workshop.assemble import plan
    from workshop.llm.checkpoint import CheckpointError
    from workshop.llm.parallel import ParallelError
    from workshop.llm.tokenizer import TokenizerError
    from workshop.machine import pick_device

    pick_device(settings.device)
    try:
        plan(settings)
    except ParallelError as error:
        raise UsageError(f"{error}: choose another number with --ranks") from None
    except (CheckpointError, TokenizerError) as error:
        raise click.ClickException(str(error)) from None
