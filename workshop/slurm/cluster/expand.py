"""``$USER``, ``$HOME`` and ``~`` in a description become those of the user who submits."""

from __future__ import annotations

import dataclasses
import os
import pwd
import re
from collections.abc import Mapping

from workshop.slurm.cluster.description import Cluster
from workshop.util.errors import UsageError

REFERENCE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))?")

# Where a reference that only the job could know belongs, by key.
ADVICE = {
    "environment.variables": "; write an export line under environment.setup instead",
    "environment.python": '; activate it under environment.setup and write python = "python"',
}


def expanded(cluster: Cluster, environ: Mapping[str, str]) -> Cluster:
    """The cluster as this user has it: in paths, variables and the interpreter.

    Raises:
        UsageError: one of them refers to something else, which nobody would put in.
    """

    def put(key: str, text: str) -> str:
        try:
            return expand(text, environ)
        except UsageError as error:
            where = f"{cluster.source}: " if cluster.source else ""
            table = key if key in ADVICE else key.rpartition(".")[0]
            raise UsageError(f"{where}{key}: {error}{ADVICE.get(table, '')}") from None

    paths = {
        name: put(f"paths.{name}", value)
        for name, value in dataclasses.asdict(cluster.paths).items()
        if value is not None
    }
    variables = {
        name: put(f"environment.variables.{name}", value)
        for name, value in cluster.environment.variables.items()
    }
    python = cluster.environment.python
    return dataclasses.replace(
        cluster,
        paths=dataclasses.replace(cluster.paths, **paths),
        environment=dataclasses.replace(
            cluster.environment,
            variables=variables,
            python=python and put("environment.python", python),
        ),
    )


def expand(text: str, environ: Mapping[str, str]) -> str:
    """The text with ``$USER``, ``${USER}``, ``$HOME`` and a leading ``~`` put in.

    Raises:
        UsageError: it refers to anything else.
    """
    at_home = text == "~" or text.startswith("~/")
    if text.startswith("~") and not at_home:
        raise UsageError(f"{text.split('/')[0]} is not expanded, only $USER, $HOME and ~ are")
    home = user_home(environ) if at_home else ""
    return home + REFERENCE.sub(lambda found: _known(found, environ), text[len("~") * at_home :])


def user_home(environ: Mapping[str, str]) -> str:
    return environ.get("HOME") or _account("HOME").pw_dir


def user_name(environ: Mapping[str, str]) -> str:
    return environ.get("USER") or _account("USER").pw_name


def _known(found: re.Match[str], environ: Mapping[str, str]) -> str:
    name = found[1] or found[2]
    if name == "USER":
        return user_name(environ)
    if name == "HOME":
        return user_home(environ)
    raise UsageError(f"{found[0]} is not expanded, only $USER, $HOME and ~ are")


def _account(variable: str) -> pwd.struct_passwd:
    """The user as the system knows it, for shells that do not say (cron, containers)."""
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        raise UsageError(f"${variable} is not set, and the system does not know it") from None
