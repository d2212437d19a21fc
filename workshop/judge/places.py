"""What of the file system a run may read: Python, torch, a compiler, and of this package a sliver.

Never a home, never a folder above these, and of this package only what a run itself is made of: the
engine is the solution to several exercises, the roofline to others.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# Of the system, what Python and torch load; never /home, /root, /var or /run.
SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/etc/ld.so.cache",
          "/etc/alternatives", "/opt/rocm", "/sys/devices/system/cpu")  # fmt: skip
# Of an environment; the folder itself may have somebody's work beside these.
OF_PREFIX = ("bin", "lib", "lib64", "include", "pyvenv.cfg")
LEARN = ("compiler", "little", "made", "watched")  # what exercises and their drivers are given
SHOWN = ("__init__.py", "judge", "learn/__init__.py", *(f"learn/{one}.py" for one in LEARN))
MODULES = ("workshop.judge", "workshop.learn", *(f"workshop.learn.{one}" for one in LEARN))


def needed() -> list[Path]:
    """Files and folders that Python, torch and a compiler are in; ``hidden`` lie in some of them.

    No folder that somebody's home is in: what is installed there is named more closely.
    """
    places = [Path(place) for place in SYSTEM]
    places += [Path(prefix, name) for prefix in (sys.base_prefix, sys.prefix) for name in OF_PREFIX]
    places += [Path(place) for place in sys.path if place.endswith(("-packages", "-dynload"))]
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is not None:
        places.append(Path(compiler).resolve().parents[1])  # /apps/gcc/13, of /apps/gcc/13/bin/g++
    places += [Path(p) for p in os.environ.get("LD_LIBRARY_PATH", "").split(":") if p]
    home = Path.home().resolve()
    return [p for p in dict.fromkeys(places) if p.exists() and not home.is_relative_to(p.resolve())]


def hidden(place: Path) -> list[Path]:
    """What is to be hidden in ``place``: this package, wherever Python looks for it."""
    copies = [PACKAGE, *(Path(one) / PACKAGE.name for one in sys.path if one)]
    real = dict.fromkeys(one.resolve() for one in copies if one.is_dir())
    whole = place.resolve()
    return [place / one.relative_to(whole) for one in real if one.is_relative_to(whole)]


def shown() -> list[Path]:
    """What of this package a run is made of."""
    return [PACKAGE / name for name in SHOWN if (PACKAGE / name).exists()]


def without(place: Path, hidden: Sequence[Path]) -> Iterator[Path]:
    """``place``; where one of ``hidden`` is in it, what is beside that."""
    if place in hidden:
        return
    if not any(one.is_relative_to(place) for one in hidden):
        yield place
        return
    for entry in sorted(place.iterdir()):
        yield from without(entry, hidden)


class Guard:
    """Stands before Python's importers in a run, and says what is missing there, and why."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        allowed = name in MODULES or name.startswith("workshop.judge.")
        if name.startswith("workshop.") and not allowed:
            raise ImportError(f"{name} is not there for exercises: they are solved without it")
