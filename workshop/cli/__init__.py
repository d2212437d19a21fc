"""The command line. Each command's module is imported only when the command runs."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence

import click

import workshop
from workshop.stages import UsageError

# Name -> module, and the line that --help shows without importing it.
COMMANDS = {
    "demo": ("demo", "Run the whole progression here, and draw it."),
    "run": ("run", "Run one stage, here and now."),
    "stages": ("stages", "What each stage is, and what it changes."),
    "plot": ("show", "Draw what logs hold: progression, ladder, latency and more."),
    "report": ("report", "One HTML file to take home: figures, table, texts, records."),
    "results": ("results", "Read any log: a table, JSON, CSV or Markdown."),
    "compare": ("compare", "Two runs against each other, in percent: is it more than noise?"),
    "predict": ("predict", "What a machine should do with a model, before it is run."),
    "profile": ("profile", "Where the time of a few decode steps goes, kernel by kernel."),
    "convert": ("convert", "Make a checkpoint of ours from Hugging Face's or Meta's."),
    "quantize": ("model", "Write an int8 or int4 checkpoint."),
    "quality": ("quality", "What quantising costs: perplexity and agreement."),
    "model": ("model", "Train the embedded model anew."),
    "submit": ("submit", "Submit a stage to Slurm, or the whole progression."),
    "render": ("submit", "Write a stage's script, ready for sbatch."),
    "status": ("follow", "How your jobs stand, and how fast they were."),
    "logs": ("follow", "Print a job's log, or follow it."),
    "wait": ("follow", "Wait until jobs have ended."),
    "cancel": ("follow", "Cancel jobs of yours that workshop submitted."),
    "doctor": ("doctor", "Know what is wrong before you submit."),
    "cluster": ("cluster", "Describe this cluster once, for every job."),
    "init": ("learn", "Make a working copy of the exercises."),
    "check": ("check", "Check your work on an exercise."),
    "reset": ("learn", "Put an exercise back as it was; yours is kept beside."),
    "solution": ("learn", "Show an exercise's solution, once its checks pass."),
    "grade": ("grade", "Grade what a class handed in: a gradebook, and feedback for each."),
    "exercises": ("exercises", "The exercises there are; prove that their checks work."),
    "sandbox": ("sandbox", "A private Slurm to rehearse on, on this machine."),
}


STDOUT = 1  # the file descriptor


class LazyGroup(click.Group):
    """A group that knows its commands' names, and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"workshop.cli.{COMMANDS[name][0]}")
        return getattr(module, name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}; the commands are {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(workshop.__version__, prog_name="workshop")
def cli() -> None:
    """See where the tokens per second of LLM inference come from, one change at a time."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake is one sentence and exit code 2, never a traceback."""
    # Asked to end, we end like on Ctrl-C: the jobs that were started end too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli.main(arguments, prog_name="workshop")
    except UsageError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except OSError as error:  # a full disk, a directory that may not be written
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {where}{error.strerror or error}", err=True)
        # What could not be written must not be tried once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        sys.exit(1)
