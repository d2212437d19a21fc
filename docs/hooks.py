"""What the site adds to the pages of docs/: figures, sources by name, the help of every command.

The pages link to files outside docs/ as the repository has them (../plots/ladder.png). The site has
a copy of the figures; of any other file it gives the path. A file that does not exist is a warning,
which fails a strict build.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = re.compile(r"\[(?P<text>[^\]]*)\]\(\.\./(?P<path>[^)#\s]+)(?:#[^)]*)?\)")
COMMANDS = "<!-- commands -->"  # in cli.md
WIDTH = 88  # of a help text, in characters

log = logging.getLogger("mkdocs.hooks")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the figures."""
    for figure in sorted(ROOT.glob("plots/*.png")):
        name = figure.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(figure)))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: Any) -> str:
    """Put in the commands, and keep links to files outside docs/ right."""

    def elsewhere(link: re.Match[str]) -> str:
        text, path = link["text"], link["path"]
        if not (ROOT / path).exists():
            log.warning(f"{page.file.src_uri} links to {path}, which does not exist")
        if files.get_file_from_path(path):  # a figure
            return f"[{text}]({path})"
        return f"`{path}`" if text == path else f"{text} (`{path}`)"

    return OUTSIDE.sub(elsewhere, markdown).replace(COMMANDS, "\n\n".join(all_help()))


def all_help() -> Iterator[str]:
    """A section for each command, with what its --help prints."""
    from workshop.cli import cli

    root = click.Context(cli, info_name="workshop", terminal_width=WIDTH, **cli.context_settings)
    return sections(root, "##")


def sections(context: click.Context, heading: str) -> Iterator[str]:
    yield f"{heading} {context.command_path}\n\n```text\n{context.get_help()}\n```"
    for beneath in subcommands(context):
        yield from sections(beneath, heading if context.parent is None else f"{heading}#")


def subcommands(context: click.Context) -> Iterator[click.Context]:
    from workshop.cli.predict import BESIDE, WithSubcommands

    command = context.command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if found := command.get_command(context, name):
                yield click.Context(found, context, name)
    elif isinstance(command, WithSubcommands):
        for name in BESIDE:
            found = getattr(importlib.import_module(f"workshop.cli.predict.{name}"), name)
            yield click.Context(found, context.parent, f"{context.info_name} {name}")
