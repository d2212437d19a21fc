"""The directory of a sandbox: where it may be, and how it is known as one."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from pathlib import Path

from workshop.slurm.sandbox.errors import SandboxError

MARKER = ".workshop-sandbox"
FOLDERS = ("etc", "run", "log", "state", "spool", "dev", "runs")
# The longest path of a unix socket, and the longest that Slurm makes below the directory.
SOCKET_PATH = 107
LONGEST_SOCKET = "/spool/sim01/sim01_12345678.4294967291"

POLL_SECONDS = 0.05
LONGEST_REMOVAL_SECONDS = 10.0


def default_directory() -> Path:
    """One for each user, in $TMPDIR or /tmp."""
    return Path(os.environ.get("TMPDIR") or "/tmp") / f"workshop-sandbox-{os.getuid()}"


def command(what: str, directory: Path) -> str:
    """A ``workshop sandbox`` command line for this directory."""
    if directory == default_directory():
        return f"workshop sandbox {what}"
    return f"workshop sandbox {what} --directory {shlex.quote(str(directory))}"


def located(directory: Path) -> Path:
    """The directory as Slurm gets to know it; raises SandboxError where none can be."""
    if directory.is_symlink():
        raise SandboxError(f"{directory} is a symbolic link: name the directory itself")
    directory = directory.resolve()
    if len(str(directory)) > SOCKET_PATH - len(LONGEST_SOCKET):
        raise SandboxError(
            f"the path {directory} is too long for Slurm's sockets, which may have "
            f"{SOCKET_PATH} characters: choose one of at most "
            f"{SOCKET_PATH - len(LONGEST_SOCKET)} with --directory"
        )
    if any(character.isspace() or character in "\"'\\#%,[]" for character in str(directory)):
        raise SandboxError(
            f"Slurm's configuration cannot hold the path {str(directory)!r}: choose one of plain "
            "letters and digits with --directory"
        )
    return directory


def is_sandbox(directory: Path) -> bool:
    """Whether it carries our marker and belongs to this user."""
    try:
        status = (directory / MARKER).lstat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and directory.lstat().st_uid == os.getuid()


def claim(directory: Path) -> None:
    """Make the directory, for this user only, and mark it.

    Raises:
        SandboxError: it is somebody else's, or not empty.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.lstat().st_uid != os.getuid():
            raise SandboxError(f"{directory} belongs to another user: choose another")
        if any(directory.iterdir()):
            raise SandboxError(
                f"{directory} is not empty and not a sandbox: choose another with --directory"
            )
        directory.chmod(0o700)
        (directory / MARKER).touch(exist_ok=False)
    except FileExistsError:
        raise SandboxError(f"{directory} is taken by a file or another command") from None
    except OSError as error:
        raise SandboxError(
            f"cannot make the directory {directory}: {error.strerror}; choose another with "
            "--directory"
        ) from None


def furnish(directory: Path, nodes: list[str], gpus: int) -> None:
    """Make the folders that the daemons expect, and the simulated devices."""
    for folder in (*FOLDERS, *(f"spool/{node}" for node in nodes)):
        (directory / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(gpus):
        (directory / "dev" / f"nvidia{number}").symlink_to("/dev/null")


def remove(directory: Path) -> None:
    """Remove a marked directory, the mark last: what is interrupted can be done again."""
    deadline = time.monotonic() + LONGEST_REMOVAL_SECONDS
    while directory.exists():
        try:
            for path in directory.iterdir():
                if path.name != MARKER:
                    remove_entry(path)
            (directory / MARKER).unlink(missing_ok=True)
            directory.rmdir()
        except OSError as error:  # somebody else removes it too, or still writes there
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"cannot remove {error.filename or directory}: {error.strerror}; "
                    "the rest is down, remove it by hand"
                ) from None
            time.sleep(POLL_SECONDS)


def remove_entry(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
