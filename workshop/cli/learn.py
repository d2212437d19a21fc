"""``workshop init``, ``reset`` and ``solution``: a participant's working copy."""

from __future__ import annotations

import os
from pathlib import Path

import click

from workshop.util.errors import UsageError


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--cluster", metavar="NAME|FILE", help="Cluster description to copy to workshop.toml."
)
@click.option("--update", is_flag=True, help="Add what is new; your work is kept.")
def init(directory: Path, cluster: str | None, update: bool) -> None:
    """Make a working copy of the exercises in DIRECTORY."""
    from workshop.learn import workspace

    if update:
        root = workspace.root_of(directory.resolve())
        if root is None:
            raise UsageError(f"{directory} is no working copy: leave out --update to make one")
        changes = workspace.update(root, material(cluster, with_cluster=cluster is not None))
        for change in changes:
            if change.what != "same":
                click.echo(f"{change.what:<30} {change.path}")
        if all(change.what == "same" for change in changes):
            click.echo("nothing is new")
        return
    workspace.make(directory, material(cluster, with_cluster=True))
    click.echo(f"{directory}: begin with its README.md, then 'cd {directory}; workshop check'")


def material(cluster: str | None, with_cluster: bool) -> dict[Path, bytes]:
    """All that a working copy consists of."""
    from workshop.learn.exercise import exercises
    from workshop.learn.handout import readme
    from workshop.slurm.cluster.find import find_cluster

    known = exercises()
    files = {
        Path(exercise.name) / path: (exercise.folder / path).read_bytes()
        for exercise in known.values()
        for path in exercise.handed_out
    }
    files[Path("README.md")] = readme(list(known.values())).encode()
    if with_cluster:
        found = find_cluster(cluster, Path.cwd(), os.environ)
        files[Path("workshop.toml")] = Path(str(found.source)).read_bytes()
    return files


@click.command()
@click.argument("exercise")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def reset(exercise: str, yes: bool) -> None:
    """Restore EXERCISE to its original state; your version is kept beside it."""
    from workshop.cli.check import find
    from workshop.learn import workspace
    from workshop.learn.exercise import exercises

    one = find(exercises(), exercise)
    root = workspace.root_of(Path.cwd())
    if root is None:
        raise UsageError("this is no working copy: go to yours, or make one: 'workshop init DIR'")
    if not yes:
        click.confirm(f"Put {root / one.name} back as it was handed out?", abort=True)
    for file, copy in workspace.reset(root, one):
        click.echo(f"{file}: yours is kept in {copy.name}")
    click.echo(f"{root / one.name} is as it was handed out")


@click.command()
@click.argument("exercise")
@click.option("--anyway", is_flag=True, help="Show it even if the checks do not pass yet.")
def solution(exercise: str, anyway: bool) -> None:
    """Show the solution of EXERCISE: its code, the reasoning, and common mistakes."""
    from workshop.cli.check import find
    from workshop.learn import progress
    from workshop.learn.exercise import exercises
    from workshop.learn.workspace import root_of

    one = find(exercises(), exercise)
    standing = progress.read(root_of(Path.cwd())).get(one.name)
    if not anyway and not (standing and standing.done):
        raise click.ClickException(
            f"the checks of {one.name} do not all pass yet: 'workshop check {one.name} --hint' "
            f"helps; 'workshop solution {one.name} --anyway' shows it all the same"
        )
    for name in ("README.md", "exercise.py"):
        file = one.solution / name
        if file.is_file():
            click.echo(file.read_text(encoding="utf-8"))
