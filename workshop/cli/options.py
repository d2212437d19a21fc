"""Options that set a run's settings, the same for every command that runs a stage."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from workshop import compile_cache
from workshop.stages import Settings, Speculate, UsageError

C = TypeVar("C", bound=Callable[..., Any])
MOST_GUESSES = 16


class SpeculateType(click.ParamType):
    """``draft``, ``prompt-lookup,k=4``, or ``k=3`` for a draft model and three guesses."""

    name = "speculate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        given: dict[str, Any] = {"speculate": "draft"}
        for word in str(value).split(","):
            if word in get_args(Speculate):
                given["speculate"] = word
            elif (count := re.fullmatch(r"k=(\d+)", word)) and 1 <= int(count[1]) <= MOST_GUESSES:
                given["draft_tokens"] = int(count[1])
            else:
                self.fail(
                    f"{word!r} is not one of {', '.join(get_args(Speculate))}, "
                    f"nor k=1 to k={MOST_GUESSES}"
                )
        return given


# A default of None means: what the stage says.
RUN_OPTIONS = [
    click.option(
        "--model",
        help="tiny, tiny:1 (small) to tiny:16 (wide), random:<shape> (random:110m), or a "
        "checkpoint directory.  [tiny]",
    ),
    click.option(
        "--prompt",
        multiple=True,
        help="Text to go on from; given again, of further sequences.  [Hello, my name is]",
    ),
    click.option("--samples", type=click.IntRange(1), help="Counted repetitions.  [5]"),
    click.option("--new-tokens", type=click.IntRange(1), help="Most tokens a sample.  [200]"),
    click.option("--temperature", type=click.FloatRange(0), help="0 is greedy.  [0]"),
    click.option("--top-k", type=click.IntRange(1), help="Draw from the k likeliest tokens."),
    click.option(
        "--top-p",
        type=click.FloatRange(0, 1, min_open=True),
        help="Draw from the likeliest tokens that have this probability together.  [1]",
    ),
    click.option("--seed", type=int, help="Of the drawing, at a temperature above 0.  [0]"),
    click.option("--ignore-eos", is_flag=True, default=None, help="Always make all new tokens."),
    click.option("--chat", is_flag=True, default=None, help="Use the model's chat template."),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        help="cuda is AMD's, too.  [auto]",
    ),
]

TECHNIQUE_OPTIONS = [
    click.option("--dtype", type=click.Choice(["bfloat16", "float16", "float32"])),
    click.option("--compile/--no-compile", default=None, help="Static KV cache, torch.compile."),
    click.option(
        "--compile-mode",
        type=click.Choice(["auto", "default", "reduce-overhead", "max-autotune"]),
        help="auto is reduce-overhead (CUDA graphs) on a GPU, default elsewhere.  [auto]",
    ),
    click.option("--decode-steps", type=click.IntRange(1, 64), help="Steps in one graph.  [1]"),
    click.option("--fuse/--no-fuse", default=None, help="q, k, v in one product; gate, up too."),
    click.option(
        "--kernels",
        type=click.Choice(["torch", "cpp", "triton"]),
        help="GEMV: torch's, ours in C++ for a CPU, ours in Triton for a GPU.  [torch]",
    ),
    click.option(
        "--attention",
        type=click.Choice(["sdpa", "math", "flash", "efficient", "flex"]),
        help="sdpa leaves the choice to torch.  [sdpa]",
    ),
    click.option(
        "--quantize", type=click.Choice(["none", "int8", "int4"]), help="Linear layers' weights."
    ),
    click.option(
        "--group-size",
        type=click.Choice(["32", "64", "128"]),
        callback=lambda context, parameter, value: value and int(value),
        help="Weights that share a scale in int4.  [32]",
    ),
    click.option(
        "--activations",
        type=click.Choice(["dtype", "int8"]),
        help="int8: multiply quantised weights in integers, on a CPU.  [dtype]",
    ),
    click.option(
        "--speculate",
        metavar="[WHO][,k=N]",
        type=SpeculateType(),
        help="draft, self (its copy in fewer bits), prompt-lookup or none; k guesses at a time.",
    ),
    click.option("--draft", help="Draft model, named as --model names one."),
    click.option(
        "--draft-tokens", type=click.IntRange(1, MOST_GUESSES), help="Proposed at a time.  [3]"
    ),
    click.option("--adaptive/--no-adaptive", default=None, help="Let k follow the acceptance."),
    click.option("--ranks", type=click.IntRange(1), help="Processes that share the model."),
    click.option("--batch-size", type=click.IntRange(1), help="Sequences side by side.  [1]"),
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
    given |= given.get("speculate", {})  # who, and perhaps how many
    first, *further = given.pop("prompt", ()) or (settings.prompt,)
    given |= {"prompt": first, "prompts": tuple(further)}
    return dataclasses.replace(settings, **given)


def check(settings: Settings) -> None:
    """Find out before anything starts what cannot be run here.

    Raises:
        UsageError: settings that do not go together, or a device that is not there.
        ClickException: a model's files that cannot be used.
    """
    compile_cache.keep()  # before torch is imported

    from workshop.assemble import plan
    from workshop.llm.ranks.part import ParallelError
    from workshop.llm.text.errors import TokenizerError
    from workshop.llm.weights.checkpoint import CheckpointError
    from workshop.machine import pick_device

    device = pick_device(settings.device)
    try:
        plan(settings, device.type)
    except ParallelError as error:
        raise UsageError(f"{error}: choose another number with --ranks") from None
    except (CheckpointError, TokenizerError) as error:
        raise click.ClickException(str(error)) from None
