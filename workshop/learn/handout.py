"""The README of a participant's working copy: what to do first."""

from __future__ import annotations

from collections.abc import Sequence

from workshop.learn.exercise import Exercise

TEXT = """\
# Your working copy

Begin with `{first}`: read its README.md, write down your predictions in answers.toml (and, in the
exercises after it, the functions in exercise.py), and see:

    workshop check {first}

`workshop check` alone goes on with the first exercise that is not done; `--hint` helps, `--watch`
checks again whenever you save, `--all` shows how far you are. `workshop reset EXERCISE` puts one
back (yours is kept beside it), `workshop solution EXERCISE` shows ours when you are done.

On the cluster, `workshop doctor` says whether jobs will run, and workshop.toml describes it.

| exercise | about | minutes |
|---|---|---|
{rows}
"""


def readme(exercises: Sequence[Exercise]) -> str:
    """The text, with the exercises there are."""
    rows = "\n".join(
        f"| [{one.name}]({one.name}/README.md) | {one.about.title}"
        f"{'' if one.about.core else ' (second day)'} | {one.about.minutes} |"
        for one in exercises
    )
    return TEXT.format(first=exercises[0].name if exercises else "EXERCISE", rows=rows)
