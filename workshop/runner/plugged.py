"""A participant's functions in place of ours, while a run lasts.

What of the engine an exercise's functions replace, its author says in ``checks/plug.py``:

    STAGE = "quantize"                                # that is run with them
    SETTINGS = {}                                     # and what is different about it
    def plug(theirs) -> list[tuple[object, str, object]]:
        return [(int8, "quantize_rows", theirs.quantize_rows)]
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any
from unittest import mock

from workshop.learn.exercise import Exercise, exercises
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

PLUG = Path("checks", "plug.py")


def pluggable() -> dict[str, Exercise]:
    """The exercises whose functions can take the place of ours."""
    return {name: one for name, one in exercises().items() if (one.folder / PLUG).is_file()}


def plug_of(name: str) -> ModuleType:
    """An exercise's plug; raises UsageError where it has none."""
    known = pluggable()
    if name not in known:
        raise UsageError(
            f"the exercise {name!r} cannot be run as a stage; those that can are {', '.join(known)}"
        )
    return load(known[name].folder / PLUG, "workshop_plug")


def settings_with(settings: Settings, name: str, file: Path) -> dict[str, Any]:
    """What of the settings is different with the functions of ``file``; raises UsageError."""
    plug = plug_of(name)
    if not file.is_file():
        raise UsageError(f"there is no file {file}: name yours with --file")
    if settings.stage != plug.STAGE:
        raise UsageError(f"the exercise {name!r} belongs to stage {plug.STAGE}")
    return {**plug.SETTINGS, "exercise": f"{name}={file.resolve()}"}


@contextmanager
def plugged(exercise: str | None) -> Iterator[str]:
    """With the functions of ``NAME=FILE`` in place, and a line that says so, for the log.

    Raises:
        UsageError: they cannot be had, or one of them is not written yet.
    """
    if exercise is None:
        yield ""
        return
    name, _, file = exercise.partition("=")
    plug = plug_of(name)
    with ExitStack() as put:
        put.enter_context(forgotten_afterwards(Path(file).parent))
        with importable(Path(file).parent):
            theirs = load(Path(file), "workshop_exercise")
        try:
            places = plug.plug(theirs)
        except AttributeError as error:
            raise UsageError(f"{file}: {error}") from None
        for owner, attribute, function in places:
            put.enter_context(mock.patch.object(owner, attribute, function))
        try:
            yield f"Exercise {name}: the functions of {file} are in place of ours"
        except Exception as error:
            line = unwritten_line(error, file)
            if line is None:
                raise
            raise UsageError(
                f"{file}, line {line}: not written yet: 'workshop check {name}' comes first"
            ) from None


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """With the modules in ``folder`` importable, last: they hide no other module."""
    place = str(folder.resolve())
    if place in sys.path:
        yield
        return
    sys.path.append(place)
    try:
        yield
    finally:
        with suppress(ValueError):  # the participant's code may have removed it
            sys.path.remove(place)


@contextmanager
def forgotten_afterwards(folder: Path) -> Iterator[None]:
    """Forget modules of ``folder`` that are imported meanwhile: the next run may have others."""
    before = set(sys.modules)
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name not in before and file and folder.resolve() in Path(file).parents:
                del sys.modules[name]


def unwritten_line(error: Exception, file: str) -> int | None:
    """Where in the file NotImplementedError was raised, if that is the error."""
    if isinstance(error, NotImplementedError):
        frames = walk_tb(error.__traceback__)
        lines = [line for frame, line in frames if frame.f_code.co_filename == file]
    elif "NotImplementedError()" in str(error):  # in the words of torch's compiler
        lines = [int(one) for one in re.findall(rf'"{re.escape(file)}", line (\d+)', str(error))]
    else:
        return None
    return lines[-1] if lines else None


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where torch's compiler looks for a function's globals
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except SyntaxError as error:
        where = error.filename or path  # a module beside it, perhaps
        raise UsageError(f"{where}, line {error.lineno}: {error.msg}") from None
    except ImportError as error:
        raise UsageError(
            f"{path}: {error}: a module of your own must lie beside {path.name}, "
            "under a name that no installed module has"
        ) from None
    return module
