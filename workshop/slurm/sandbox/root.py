"""Slurm from a folder that holds another Linux system, such as debootstrap makes.

Only Slurm, munge and MariaDB come from the folder, each started by the folder's own loader with the
folder's own libraries. Nothing else changes: daemons and jobs see this machine's files, jobs run
this machine's programs, and no privilege is needed, which chroot would need.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.slurm.sandbox import programs
from workshop.slurm.sandbox.config import Shape
from workshop.slurm.sandbox.errors import SandboxError

VARIABLE = "WORKSHOP_SLURM_ROOT"
PROGRAM_FOLDERS = ("usr/bin", "usr/sbin", "usr/libexec")
LIBRARY_FOLDERS = ("usr/lib/*-linux-gnu*", "usr/lib64", "usr/lib", "lib64", "lib")
LOADERS = ("ld-linux-*.so.*", "ld64.so.*")
PLUGIN = "auth_munge.so"  # Slurm's plugins are where this one is
# What users and jobs call, besides what a sandbox itself needs, and what mariadb-install-db calls.
OPTIONAL = (
    *("srun", "salloc", "scancel", "sacct", "sattach", "sbcast", "scrontab", "sdiag", "sprio"),
    *("sreport", "sshare", "sstat", "strigger", "munge", "unmunge", "resolveip"),
)
MOST_LINKS = 40  # as Linux
SCRIPT = "bash_env"
BASH_ENV_BEFORE = "WORKSHOP_BASH_ENV"
LONGEST_TRIAL_SECONDS = 60.0


@dataclass(frozen=True)
class Root:
    """A folder with Slurm in it.

    Attributes:
        plugins: the folder of Slurm's plugins; Slurm looks for it outside of ``folder``.
        libraries: the folders of shared libraries.
        loader: the dynamic loader, which starts every program.
    """

    folder: Path
    plugins: Path
    libraries: tuple[Path, ...]
    loader: Path

    def command(self, loader: Path, name: str, file: Path) -> list[str]:
        """The command that runs ``file`` as ``name``, by the loader or a link to it."""
        libraries = ":".join(map(str, (self.plugins, *self.libraries)))
        options = ["--inhibit-cache", "--library-path", libraries, "--argv0", name]
        return [str(loader), *options, str(file)]


def chosen(folder: Path | None) -> Root | None:
    """The root in ``folder``, or in the one that the environment names; None without either."""
    named = folder or os.environ.get(VARIABLE)
    return opened(Path(named)) if named else None


def opened(folder: Path) -> Root:
    """The root in a folder; raises SandboxError where none is that runs on this machine."""
    folder = folder.absolute()
    if not folder.is_dir():
        raise SandboxError(f"{folder} is not a directory: name one that holds a system with Slurm")
    if any(character.isspace() or character in "\"'\\#%,:[]" for character in str(folder)):
        raise SandboxError(
            f"Slurm's configuration cannot hold the path {str(folder)!r}: move the root to one of "
            "plain letters and digits"
        )
    libraries = tuple(path for path in matches(folder, LIBRARY_FOLDERS) if path.is_dir())
    loaders = [path for library in libraries for path in matches(library, LOADERS)]
    if not loaders:
        raise SandboxError(
            f"{folder} has no dynamic loader (usr/lib*/ld-linux-*.so.*): name the root of a whole "
            "system, such as debootstrap makes"
        )
    plugins = [path.parent for path in matches(folder, plugin_patterns())]
    if not plugins:
        raise SandboxError(
            f"{folder} has no Slurm: {how_to_install(folder, programs.needed(Shape()))}"
        )
    return Root(folder, plugins[0], libraries, inside(folder, loaders[0]))


def matches(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def plugin_patterns() -> tuple[str, ...]:
    return tuple(f"{folder}/slurm*/{PLUGIN}" for folder in LIBRARY_FOLDERS)


def inside(root: Path, path: Path) -> Path:
    """Where a path of the root leads, with absolute symbolic links taken as the root's own."""
    for _ in range(MOST_LINKS):
        link = next((part for part in parts(root, path) if part.is_symlink()), None)
        if link is None:
            break
        # The root's own /, above which no '..' leads.
        seen = Path("/", link.parent.relative_to(root), link.readlink(), path.relative_to(link))
        path = root / os.path.normpath(seen).lstrip("/")
    return path


def parts(root: Path, path: Path) -> Iterator[Path]:
    """What lies on the way from the root to a path, from above."""
    for name in path.relative_to(root).parts:
        root /= name
        yield root


def find(root: Root, shape: Shape) -> dict[str, str]:
    """The file of each program in the root, by its name, as ``programs.find`` gives them.

    Raises:
        SandboxError: some are missing, or they do not run on this machine.
    """
    found = {name: located(root, name) for name in (*programs.needed(shape), *OPTIONAL)}
    missing = [name for name in programs.needed(shape) if not found[name]]
    if missing:
        raise SandboxError(
            f"{root.folder} lacks programs that a sandbox needs: {', '.join(missing)}; "
            f"{how_to_install(root.folder, missing)}"
        )
    files = {name: str(file) for name, file in found.items() if file}
    try_one(root, Path(files["munged"]))
    return files


def located(root: Root, name: str) -> Path | None:
    for folder in PROGRAM_FOLDERS:
        file = inside(root.folder, root.folder / folder / name)
        if file.is_file() and os.access(file, os.X_OK):
            return file
    return None


def how_to_install(folder: Path, missing: Sequence[str]) -> str:
    packages = dict.fromkeys(programs.PACKAGES[name].debian for name in missing)
    return (
        f"install them, as root: chroot {shlex.quote(str(folder))} "
        f"apt-get install --no-install-recommends {' '.join(packages)}"
    )


def try_one(root: Root, munged: Path) -> None:
    """Raise SandboxError where even a program that reads no file does not run here."""
    try:
        done = subprocess.run(
            [*root.command(root.loader, "munged", munged), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST_TRIAL_SECONDS,
        )
        if done.returncode == 0:
            return
        lines = done.stderr.splitlines()
        answer = next((line for line in lines if line), f"exit code {done.returncode}")
    except (OSError, subprocess.TimeoutExpired) as error:
        answer = str(error)
    raise SandboxError(
        f"the programs in {root.folder} do not run on this machine ({answer}): the root must have "
        "this machine's architecture, and glibc 2.33 or newer"
    )


def prefix(directory: Path) -> Path:
    """What stands for the root's /usr in the directory of a sandbox; only there with a root."""
    return directory / "usr"


def install(root: Root, files: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Write a script for each program, which runs it from the root; gives the scripts by name.

    Slurm and MariaDB find each other's programs and data below the prefix.
    """
    usr = prefix(directory)
    (usr / "loader").mkdir(parents=True)
    for name in ("lib", "share"):
        (usr / name).symlink_to(root.folder / "usr" / name)
    (usr / SCRIPT).write_text(bash_env(directory))
    scripts = {}
    for name, file in files.items():
        script = usr / home(root, name) / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f'#!/bin/sh\nexec {shlex.join(run(root, usr, script, file))} "$@"\n')
        script.chmod(0o700)
        scripts[name] = str(script)
    return scripts


def environment(directory: Path) -> dict[str, str]:
    """Variables by which the root's commands are found first; none for a sandbox without a root.

    A job script that is a login shell sets PATH anew from /etc/profile. Bash reads BASH_ENV later.
    """
    commands = str(prefix(directory) / "bin")
    if not os.path.isdir(commands):
        return {}
    path = os.environ.get("PATH", os.defpath)
    script, before = str(prefix(directory) / SCRIPT), os.environ.get("BASH_ENV", "")
    return {
        "PATH": path if commands in path.split(":") else f"{commands}:{path}",
        "BASH_ENV": script,
        **({BASH_ENV_BEFORE: before} if before not in ("", script) else {}),
    }


def bash_env(directory: Path) -> str:
    """What bash runs before a script: it mends PATH, then does what BASH_ENV named before."""
    commands = prefix(directory) / "bin"
    return (
        f'case ":$PATH:" in *:{commands}:*) ;; *) PATH={commands}:$PATH ;; esac\n'
        f'[ -z "${BASH_ENV_BEFORE}" ] || . "${BASH_ENV_BEFORE}"\n'
    )


def home(root: Root, name: str) -> str:
    """The folder of a program, below /usr: bin, sbin or libexec."""
    there = [folder for folder in PROGRAM_FOLDERS if os.path.lexists(root.folder / folder / name)]
    return Path(there[0]).name


def run(root: Root, usr: Path, script: Path, file: str) -> list[str]:
    """The command in a script; the loader has the program's name, by which Slurm knows its own."""
    with open(file, "rb") as program:
        if program.read(4) != b"\x7fELF":
            return [file]
    loader = usr / "loader" / script.name
    loader.symlink_to(root.loader)
    return root.command(loader, str(script), Path(file))
