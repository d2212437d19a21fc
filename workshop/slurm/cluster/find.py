"""Which description is meant: a file, a name, or the nearest that there is."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from workshop.slurm.cluster.description import Cluster
from workshop.slurm.cluster.expand import user_home
from workshop.slurm.cluster.load import load
from workshop.util.errors import UsageError
from workshop.util.near import close

VARIABLE = "WORKSHOP_CLUSTER"
HERE = "workshop.toml"
DEFAULT = "cluster.toml"
SHIPPED = Path(__file__).parent / "shipped"

# An installation's own, before the machine's.
SITE = (Path(sys.prefix) / "etc" / "workshop", Path("/etc/workshop"))


def find_cluster(
    wanted: str | None,
    cwd: Path,
    environ: Mapping[str, str],
    site: Sequence[Path] = SITE,
) -> Cluster:
    """The cluster that is wanted, by file or by name; not yet expanded for a user.

    Nothing wanted, the variable WORKSHOP_CLUSTER says what is; not set either, it is the first of
    ./workshop.toml, the user's cluster.toml and the site's, or else the generic one.

    Raises:
        UsageError: there is none of that name, or its file is not as it must be.
    """
    from_shell = environ.get(VARIABLE) if wanted is None else None
    wanted = wanted if wanted is not None else from_shell or None
    if wanted is None:
        return load(nearest(cwd, environ, site))
    file = Path(user_home(environ) + wanted[1:] if wanted.startswith("~/") else wanted)
    if "/" in wanted or wanted.endswith(".toml") or os.path.isfile(cwd / file):
        if from_shell and not os.path.exists(cwd / file):
            raise UsageError(
                f"your shell sets {VARIABLE}={wanted}, and there is no such file: unset {VARIABLE} "
                "(of a sandbox that is down, SLURM_CONF and WORKSHOP_RUNS too), or correct it"
            )
        return load(cwd / file)
    names = available(environ, site)
    if wanted not in names:
        there_are = f"those there are: {', '.join(names)}"
        raise UsageError(f"there is no cluster {wanted!r}{close(wanted, names)}; {there_are}")
    return load(names[wanted])


def nearest(cwd: Path, environ: Mapping[str, str], site: Sequence[Path] = SITE) -> Path:
    """The description of a command that names none."""
    places = [cwd / HERE, *(folder / DEFAULT for folder in (users_own(environ), *site))]
    return next(
        (place for place in places if os.path.isfile(place)),
        SHIPPED / "generic.toml",
    )


def available(environ: Mapping[str, str], site: Sequence[Path] = SITE) -> dict[str, Path]:
    """Every name there is, and its file: the user's own hides the site's, that hides ours."""
    found: dict[str, Path] = {}
    for folder in (users_own(environ), *site, SHIPPED):
        for file in sorted(folder.glob("*.toml")):
            found.setdefault(file.stem, file)
    return dict(sorted(found.items()))


def users_own(environ: Mapping[str, str]) -> Path:
    """Where a user keeps descriptions."""
    config = environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(config):  # a relative one is to be ignored, says the XDG specification
        return Path(config) / "workshop"
    return Path(user_home(environ)) / ".config" / "workshop"
