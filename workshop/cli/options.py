"""Options that set a run's settings, the same for every command that runs a stage."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from workshop.cli.seed import Seed
from workshop.runner import compile_cache
from workshop.stages import STAGES, settings_of
from workshop.stages.settings import (
    LEAST_SEED,
    MOST_SEED,
    Declared,
    Settings,
    Speculate,
    declared,
)
from workshop.util.errors import UsageError

C = TypeVar("C", bound=Callable[..., Any])
SETTINGS = {one.name for one in dataclasses.fields(Settings)}
MOST_GUESSES = int(declared()["draft_tokens"][0].most or 0)


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


def option_of(name: str) -> Callable[[C], C]:
    """The option of a setting, as its declaration says; without a default: the stage has one."""
    said, kind, default = declared()[name]
    dashed = name.replace("_", "-")
    if name in SPECIAL:
        return click.option(f"--{dashed}", help=said.help, **SPECIAL[name])
    if kind is bool:
        flag = f"--{dashed}/--no-{dashed}" if said.technique else f"--{dashed}"
        return click.option(flag, is_flag=True, default=None, help=said.help)
    # None where a default says nothing, or a stage says something else.
    of_stage = any(name in stage.changes for stage in STAGES.values())
    shown = f"  [{default:g}]" if isinstance(default, float) else f"  [{default}]"
    ending = "" if default is None or of_stage else shown
    return click.option(f"--{dashed}", type=type_of(said, kind), help=f"{said.help}{ending}")


def type_of(said: Declared, kind: Any) -> Any:
    """What click is to make of a value."""
    if (said.least, said.most) == (LEAST_SEED, MOST_SEED):
        return Seed()
    choices = said.choices or get_args(kind)
    if choices and get_origin(kind) is Literal:
        return click.Choice(choices)
    if said.choices:
        return Number(said.choices) if kind is int else click.Choice(said.choices)
    if said.least is None:
        return int if int in (kind, *choices) else str
    if kind is float:
        return FiniteRange(said.least, said.most, min_open=said.least_open)
    return click.IntRange(int(said.least), None if said.most is None else int(said.most))


class FiniteRange(click.FloatRange):
    """A number in bounds; nan and inf, which compare with none of them, are none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class Number(click.Choice):
    """One of a few whole numbers."""

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__([str(one) for one in numbers])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return int(super().convert(str(value), param, ctx))


SPECIAL: dict[str, dict[str, Any]] = {
    "speculate": {"metavar": "[WHO][,k=N]", "type": SpeculateType()},
}
TECHNIQUE_OPTIONS = [
    option_of(name)
    for name, (said, _, _) in declared().items()
    if said.help and (said.technique or name == "draft")
]
RUN_OPTIONS = [
    click.option(
        "--prompt",
        multiple=True,
        help="Prompt; repeat it for a batch of different prompts.  [Hello, my name is]",
    ),
    *(
        option_of(name)
        for name, (said, _, _) in declared().items()
        if said.help and not said.technique and name != "draft"
    ),
]

CLUSTER_OPTION = click.option(
    "--cluster",
    metavar="NAME|FILE",
    help="Cluster description.  [./workshop.toml, yours, the site's, or the generic one]",
)


def with_options(options: list[Callable[[C], C]]) -> Callable[[C], C]:
    def decorate(command: C) -> C:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def settings_for(stage: str, options: dict[str, Any]) -> Settings:
    """The settings of a stage, with the options that belong to them in place of its own."""
    given = {name: value for name, value in options.items() if name in SETTINGS}
    return override(settings_of(stage), given)


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

    from workshop.llm.ranks.part import ParallelError
    from workshop.llm.text.errors import TokenizerError
    from workshop.llm.weights.checkpoint import CheckpointError
    from workshop.runner.machine import pick_device
    from workshop.runner.plan import plan

    device = pick_device(settings.device)
    try:
        plan(settings, device.type)
    except ParallelError as error:
        raise UsageError(f"{error}: choose another number with --ranks") from None
    except (CheckpointError, TokenizerError) as error:
        raise click.ClickException(str(error)) from None
