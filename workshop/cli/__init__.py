"""The command line. Each command's module is imported only when the command runs."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence

import click

import workshop
from workshop.util.errors import UsageError
from workshop.util.near import close

# Name -> module, and the line that --help shows without importing it.
COMMANDS = {
    "demo": ("demo", "Run all stages on this machine and draw the result."),
    "run": ("run", "Run one stage on this machine."),
    "stages": ("stages", "List the stages and what each changes."),
    "plot": ("show", "Draw results: progression, ladder, latency and more."),
    "report": ("report", "Write one HTML file: figures, table, texts, records."),
    "results": ("results", "Read any log; print a table, JSON, CSV or Markdown."),
    "compare": ("compare", "Compare two runs: percent, and whether it exceeds noise."),
    "predict": ("predict", "Predict a model's speed and memory on a machine."),
    "serve-bench": ("serve_bench", "Measure a server: TTFT, TPOT, tokens/s, goodput."),
    "profile": ("profile", "Profile a few decode steps, kernel by kernel."),
    "convert": ("convert", "Convert a checkpoint from Hugging Face or Meta."),
    "quantize": ("model", "Write an int8 or int4 checkpoint."),
    "quality": ("quality", "Measure what quantisation costs: perplexity, agreement."),
    "model": ("model", "Retrain the embedded models."),
    "submit": ("submit", "Submit a stage to Slurm, or the whole progression."),
    "render": ("submit", "Write a stage's job script, ready for sbatch."),
    "status": ("follow", "Show your jobs: state, pending reason, speed."),
    "logs": ("follow", "Print or follow a job's log."),
    "wait": ("follow", "Wait for jobs to finish."),
    "cancel": ("follow", "Cancel jobs that you submitted with workshop."),
    "doctor": ("doctor", "Find out what would stop a job from running."),
    "cluster": ("cluster", "Describe this cluster, once for all jobs."),
    "init": ("learn", "Create a working copy of the exercises."),
    "check": ("check", "Check your solution of an exercise."),
    "reset": ("learn", "Reset an exercise; your version is kept as a backup."),
    "solution": ("learn", "Show the solution of an exercise you have passed."),
    "grade": ("grade", "Grade submissions; write a gradebook and feedback."),
    "exercises": ("exercises", "List the exercises; verify that their checks work."),
    "sandbox": ("sandbox", "Run a private Slurm on this machine, for rehearsal."),
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
        return getattr(module, name.replace("-", "_"))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            listed = ", ".join(COMMANDS)
            near = close(args[0], COMMANDS)
            ctx.fail(f"there is no command {args[0]!r}{near}; the commands are {listed}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Print a warning of ours as one line on standard error, without Python's file and line."""
    with warnings.catch_warnings():
        pythons_own = warnings.showwarning

        def show(
            message: Warning | str, category: type[Warning], *place: object, **more: object
        ) -> None:
            if category.__module__.partition(".")[0] == "workshop":
                click.echo(f"Warning: {' '.join(str(message).split())}", err=True)
            else:
                pythons_own(message, category, *place, **more)  # type: ignore[arg-type]

        warnings.showwarning = show
        yield


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(workshop.__version__, prog_name="workshop")
@click.pass_context
def cli(context: click.Context) -> None:
    """See where the tokens per second of LLM inference come from, one change at a time."""
    context.with_resource(plain_warnings())


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
