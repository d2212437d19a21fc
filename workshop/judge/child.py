"""In the process that runs someone else's file: load it, then answer calls until told to stop.

Nothing here is a secret, and nothing here decides: the judge is another process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from workshop.judge import wire
from workshop.judge.plain import NotPlainError

LONGEST_TEXT = 2000
OURS = ("driver", "workshop.learn.made", "workshop.learn.watched")  # not for theirs to import


def serve(channel: socket.socket, file: str, driver: str | None, most: int, ready: str) -> None:
    """Answer calls ``[id, function, arguments]`` with ``{"id", "value"}`` or ``{"id", "fault"}``.

    Before its answer a call may ask the judge: ``{"id", "asks": [name, arguments]}``, to which a
    bare value comes back.

    Args:
        ready: the id under which it is told that the file is loaded, or why not.
    """
    try:
        ours = load(Path(driver), "driver") if driver else None  # first: before theirs runs
        put_away(OURS)
        sys.path.insert(0, str(Path(file).parent))  # so that it can import what lies beside it
        theirs = load(Path(file), "exercise")
    except BaseException as error:
        wire.send(channel, {"id": ready, "fault": fault(error, file)})
        return
    wire.send(channel, {"id": ready, "value": None})
    with contextlib.suppress(wire.ClosedError):
        while True:
            number, name, arguments = wire.receive(channel, most)
            ask = partial(ask_judge, channel, most, number)
            reply(channel, number, answer(theirs, ours, file, name, arguments, ask))


def ask_judge(channel: socket.socket, most: int, number: str, name: str, *arguments: Any) -> Any:
    """What the judge answers, who has what must not be here."""
    wire.send(channel, {"id": number, "asks": [name, list(arguments)]})
    return wire.receive(channel, most)


def reply(channel: socket.socket, number: str, told: dict[str, Any]) -> None:
    try:
        wire.send(channel, {"id": number, **told})
    except NotPlainError as error:
        kind = type(told.get("value")).__name__
        fault = {"kind": "not plain", "type": kind, "text": str(error)}
        wire.send(channel, {"id": number, "fault": fault})


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def put_away(names: Iterable[str]) -> None:
    """Forget modules that are loaded: who imports one later gets nothing, or a copy of its own.

    What our driver holds of them stays as it is. Frames and ``gc`` still lead there: nothing
    inside of one process is out of reach (docs/isolation.md), and the grader points such code out.
    """
    for name in names:
        sys.modules.pop(name, None)
        package, _, last = name.rpartition(".")
        if package in sys.modules:
            vars(sys.modules[package]).pop(last, None)


def answer(
    theirs: ModuleType,
    ours: ModuleType | None,
    file: str,
    name: str,
    arguments: list[Any],
    ask: Callable[..., Any],
) -> dict[str, Any]:
    try:
        return {"value": function(theirs, ours, name, ask)(*arguments)}
    except BaseException as error:  # also SystemExit, and whatever else they raise
        return {"fault": fault(error, file)}


def function(
    theirs: ModuleType, ours: ModuleType | None, name: str, ask: Callable[..., Any]
) -> Callable[..., Any]:
    """``theirs.name``, or for ``driver:name`` a function of ours that is given their module.

    For ``asking:name``, it is given ``ask`` as well.
    """
    kind, _, rest = name.rpartition(":")
    if kind == "driver":
        return partial(getattr(ours, rest), theirs)
    if kind == "asking":
        return partial(getattr(ours, rest), theirs, ask)
    found = getattr(theirs, name, None)
    if not callable(found):
        raise MissingError(name)
    return found


class MissingError(Exception):
    """A function that the exercise asks for is not in the file."""


def fault(error: BaseException, file: str) -> dict[str, Any]:
    """What went wrong, as plain data, with the last line of their own file that it went through."""
    kind = "raised"
    if isinstance(error, MissingError):
        kind = "missing"
    elif isinstance(error, NotImplementedError):
        kind = "not written"
    line = None
    if isinstance(error, SyntaxError) and error.filename == file:
        line = error.lineno
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == file:
            line = number
    try:
        text = str(error)
    except BaseException:
        text = ""
    words = {"type": type(error).__name__[:100], "text": text[:LONGEST_TEXT]}
    sent = {name: word.encode("utf-8", "replace").decode() for name, word in words.items()}
    return {"kind": kind, "line": line, **sent}
