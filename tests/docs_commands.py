"""The ``workshop`` commands that the documentation and the help show, as a reader types them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from workshop.cli import cli
from workshop.learn.exercise import exercises
from workshop.learn.handout import readme

ROOT = Path(__file__).parents[1]
PROGRAM = "workshop"
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "exercises").glob("**/README.md")),
    *sorted((ROOT / "solutions").glob("**/README.md")),
)
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)[^\n]*\n(.*?)^ {0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^(?: {4}|\t)[^\n]*$", re.MULTILINE)
_INLINE = re.compile(r"(?<!`)(`{1,2})(?!`)([^`]+)\1(?!`)")
_QUOTED = re.compile(r"'([^']+)'")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*")
_BEFORE = ("$", "srun")  # a prompt, or a command that runs the next words on a compute node
_BETWEEN = ("|", "||", "&", "&&", ";")


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it.

    Attributes:
        page: path relative to the repository, or whose help it is.
        words: what follows ``workshop``, placeholders and globs as they are written.
        output: the file that standard output is redirected to.
        in_text: it stands in a sentence or a table, where a command's name alone may be meant.
    """

    page: str
    words: tuple[str, ...]
    output: str | None = None
    in_text: bool = False

    def __str__(self) -> str:
        return " ".join(self.words) + (f" > {self.output}" if self.output else "")


def shown_commands() -> list[Shown]:
    """Every command of every page, of a working copy's README and of every command's help."""
    pages = {page.relative_to(ROOT).as_posix(): page.read_text("utf-8") for page in PAGES}
    pages["README.md of a working copy"] = readme([*exercises().values()])
    shown = [command for name, text in pages.items() for command in commands_in(text, name)]
    for name, text in help_texts(cli, "workshop"):
        for quoted in _QUOTED.findall(text):
            shown += commands_of(" ".join(quoted.split()), f"{name} --help", in_text=True)
    return shown


def help_texts(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """Name and help of a command, of its options and of its subcommands."""
    yield name, command.help or ""
    for parameter in command.params:
        yield name, getattr(parameter, "help", None) or ""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for word in command.list_commands(context):
            found = command.get_command(context, word)
            assert found is not None
            yield from help_texts(found, f"{name} {word}")


def commands_in(markdown: str, page: str = "") -> Iterator[Shown]:
    """The commands of fenced and indented code blocks, and of code within sentences and tables."""
    blocks = [match[2] for match in _FENCE.finditer(markdown)]
    rest = _FENCE.sub("", markdown)
    blocks.append("\n".join(line.strip() for line in _INDENTED.findall(rest)))
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            yield from commands_of(line, page, in_text=False)
    # A paragraph at a time: a backtick that is never closed spoils one paragraph only.
    for paragraph in re.split(r"\n\s*\n", _INDENTED.sub("", rest)):
        for match in _INLINE.finditer(paragraph):
            yield from commands_of(" ".join(match[2].split()), page, in_text=True)


def commands_of(line: str, page: str, in_text: bool) -> Iterator[Shown]:
    """The ``workshop`` commands of a line of shell, without its comment."""
    if PROGRAM not in line:
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # an apostrophe: no shell
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if word not in _BETWEEN:
            command.append(word)
            continue
        while command and (command[0] in _BEFORE or _ASSIGNMENT.fullmatch(command[0])):
            command.pop(0)
        if len(command) > 1 and command[0].rpartition("/")[2] == PROGRAM:
            yield _shown(command[1:], page, in_text)
        command = []


def _shown(words: list[str], page: str, in_text: bool) -> Shown:
    if ">" not in words:
        return Shown(page, tuple(words), in_text=in_text)
    at = words.index(">")
    return Shown(page, tuple(words[:at]), words[at + 1], in_text)
