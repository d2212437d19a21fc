"""What --help says of every option: something, and no default twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from workshop.cli import cli


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Context]]:
    """Every command below this one, by the words that call it."""
    if not isinstance(command, click.Group):
        yield context.command_path, context
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, click.Context(found, info_name=name, parent=context))


ROOT = click.Context(cli, info_name="workshop", terminal_width=400, **cli.context_settings)
OPTIONS = [
    pytest.param(option, context, id=f"{path} {option.opts[0]}")
    for path, context in commands(cli, ROOT)
    for option in context.command.get_params(context)
    if isinstance(option, click.Option) and not option.hidden
]


@pytest.mark.parametrize(("option", "context"), OPTIONS)
def test_every_option_says_what_it_does(option: click.Option, context: click.Context) -> None:
    record = option.get_help_record(context)
    assert record is not None
    _, text = record
    assert re.match(r"[A-Za-z0-9]", text), "it has no help"


@pytest.mark.parametrize(("option", "context"), OPTIONS)
def test_no_option_shows_two_defaults(option: click.Option, context: click.Context) -> None:
    record = option.get_help_record(context)
    assert record is not None
    _, text = record
    assert len(defaults(text)) <= 1


def defaults(text: str) -> list[str]:
    """What stands in brackets besides bounds: '[1]', '[default: 1; x>=1]', but not '[x>=1]'."""
    shown = re.findall(r"\[([^][]*)\]", text)
    return [
        one
        for one in shown
        if not re.fullmatch(r"[\d.e+<>=x]*x[\d.e+<>=x]*(; required)?|required", one)
    ]


def test_two_defaults_are_noticed() -> None:
    assert defaults("Samples.  [5]  [x>=1]") == ["5"]
    assert defaults("Tokens.  [1<=x<=1e+18; required]") == []
    assert len(defaults("Text to read.  [a held-out text]  [default: embedded]")) == 2
