"""A request, rendered to a script: no value can become a directive or a command.

sbatch and the shell read quotes nearly alike. So every value is written in the way that both read
the same, wherever a template puts it: in single quotes, with a quote or a backslash of its own
escaped outside of them (sbatch knows escapes inside as well, and none of a space). What cannot be
written so (a line break) is refused. Source: get_argument in Slurm's src/sbatch/opt.c.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta
from markupsafe import Markup

from workshop.slurm.job import directives
from workshop.slurm.job.request import Request
from workshop.stages import STAGES
from workshop.util.assets import folder
from workshop.util.errors import UsageError

SUFFIX = ".slurm.j2"
LONGEST_VALUE = 2000  # characters; sbatch cuts a directive off at some 8000
_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_PIECES = re.compile(r"(['\\])")
# Anywhere in a directive, sbatch takes these words for the start of another job.
_SEPARATORS = re.compile("(het|pack)(job)", re.IGNORECASE)


def quote(value: Any) -> Markup:
    """A value as one word, the same for the shell and for sbatch; text of templates as it is.

    Raises:
        UsageError: a newline or another character that is no part of a word, or an endless value.
    """
    if isinstance(value, Markup):
        return value
    text = str(value)
    if not text.isprintable():
        raise UsageError(
            f"{text[:60]!r} has a line break or another invisible character: "
            "no value of a job can hold one"
        )
    if len(text) > LONGEST_VALUE:
        raise UsageError(f"{text[:60]!r}… has {len(text)} characters: a value has {LONGEST_VALUE}")
    if not _PLAIN.fullmatch(text):
        pieces = _PIECES.split(text)  # every other one is a quote or a backslash
        text = "".join(f"\\{one}" if i % 2 else f"'{one}'" for i, one in enumerate(pieces))
    return Markup(_SEPARATORS.sub(r"\1''\2", text))


def environment(own: Path | None = None) -> jinja2.Environment:
    """Where templates are looked for: the instructor's ``own`` folder first, then ours."""
    places = [*([own] if own else []), folder("templates")]
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([str(place) for place in places]),
        undefined=jinja2.StrictUndefined,
        autoescape=True,  # what a macro gives is marked as text of the template ...
        finalize=quote,  # ... and everything else becomes a word
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(request: Request, command: Sequence[str], own: Path | None = None) -> str:
    """The script of a job that runs ``command``.

    Args:
        own: an instructor's templates, which come before those that are shipped.

    Raises:
        UsageError: a template that is missing or broken, a value that it lacks, or one that it
            does not use, a value that cannot be written, or a script that asks for too little.
    """
    env = environment(own)
    stage = STAGES.get(request.stage)
    name = stage.template if stage else request.stage + SUFFIX
    values = {one.name: getattr(request, one.name) for one in dataclasses.fields(request)} | {
        name: getattr(request, name) for name in PROPERTIES
    }
    del values["extra"]
    values["command"] = Markup(" ").join(quote(word) for word in command)
    try:
        check_used(env, name, request.extra)
        text = env.get_template(name).render(values | request.extra)
    except jinja2.TemplateNotFound as error:
        raise UsageError(f"there is no template {error.name} in {places(env)}") from None
    except jinja2.TemplateSyntaxError as error:
        where = f"{error.filename or error.name}, line {error.lineno}"
        raise UsageError(f"the template {where} cannot be read: {error.message}") from None
    except jinja2.UndefinedError as error:
        raise UsageError(
            f"the template {name} needs a value that it was not given: {error.message}; "
            "give it with --set NAME=VALUE"
        ) from None
    if "\0" in text:
        raise UsageError(f"the template {name} gives a script with a zero byte in it")
    directives.check(text, request, name)
    return text


PROPERTIES = ("time_limit", "gpu_option", "gpu_value", "signal_value", "by_srun", "ranks")


def check_used(env: jinja2.Environment, name: str, extra: dict[str, str]) -> None:
    """Raises UsageError for a value that was given by hand and that no template reads."""
    if not extra:
        return
    used = names_in(env, name)
    for key in extra:
        if key not in used:
            raise UsageError(
                f"--set {key}: the template {name} has no such value; it has "
                f"{', '.join(sorted(used))}"
            )


def names_in(env: jinja2.Environment, name: str) -> set[str]:
    """The values that a template reads, with those of the templates that it extends."""
    assert env.loader is not None
    source = env.loader.get_source(env, name)[0]
    tree = env.parse(source, name)
    found = meta.find_undeclared_variables(tree)
    for parent in meta.find_referenced_templates(tree):
        if parent:
            found |= names_in(env, parent)
    return found


def places(env: jinja2.Environment) -> str:
    assert isinstance(env.loader, jinja2.FileSystemLoader)
    return " or ".join(env.loader.searchpath)
