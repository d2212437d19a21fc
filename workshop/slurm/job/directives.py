"""What a script's #SBATCH lines ask for, and whether a class's own template asks for enough."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workshop.util.errors import UsageError

if TYPE_CHECKING:
    from workshop.slurm.job.request import Request

_CLUSTERS = ("--clusters", "--cluster", "-M")
_NODES = ("--nodes", "-N")
_TASKS = (
    "--ntasks",
    "-n",
    "--ntasks-per-node",
    "--tasks-per-node",
    "--ntasks-per-gpu",
    "--ntasks-per-socket",
    "--ntasks-per-core",
)


def options(script: str) -> Iterator[tuple[str, str | None]]:
    """Each option of the script's directives, with its value; sbatch reads none after a command."""
    for line in script.splitlines():
        if line.strip() and not line.startswith("#"):
            return
        if line.startswith("#SBATCH"):
            yield from _options(line.removeprefix("#SBATCH"))


def job_name(script: str) -> str | None:
    """The name that the script gives its job; None where it has none."""
    names = [value for name, value in options(script) if name in ("--job-name", "-J")]
    return names[-1] if names else None


def _options(text: str) -> Iterator[tuple[str, str | None]]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:  # an open quote, which sbatch refuses itself
        return
    for i, word in enumerate(words):
        following = words[i + 1] if i + 1 < len(words) else None
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            yield name, value if equals else following
        elif word.startswith("-") and len(word) > 1:
            yield word[:2], word[2:].removeprefix("=") or following


def check(script: str, request: Request, template: str) -> None:
    """Refuse a script that would start fewer ranks than the run has, or where nobody looks.

    Raises:
        UsageError: what the template lacks, or has too much.
    """
    asked = dict(options(script))
    elsewhere = next((asked[name] for name in _CLUSTERS if name in asked), None)
    if elsewhere != request.options.get("clusters"):
        raise UsageError(
            f"the template {template} sends jobs to the cluster {elsewhere}, where 'workshop "
            f"status' does not look: remove --clusters, and 'export SLURM_CLUSTERS={elsewhere}', "
            "which all of Slurm's commands follow"
        )
    for count, names, directive in (
        (request.nodes, _NODES, "--nodes={{ nodes }}"),
        (request.tasks_per_node, _TASKS, "--ntasks-per-node={{ tasks_per_node }}"),
    ):
        if count > 1 and not any(name in asked for name in names):
            option = directive.partition("=")[0]
            raise UsageError(
                f"the template {template} has no {option}, and this job needs {option}={count}: "
                f"add the line '#SBATCH {directive}'"
            )
