"""What no exercise asks for, in a participant's file: for a teacher to look at, never a verdict."""

from __future__ import annotations

import io
import tokenize
from contextlib import suppress
from dataclasses import dataclass

# Names that reach into the interpreter, other processes, or how things are compared and measured.
NAMES = frozenset((
    "gc", "ctypes", "_getframe", "currentframe", "f_locals", "f_back", "f_globals", "settrace",
    "setprofile", "meta_path", "exec", "eval", "__import__", "importlib", "fork", "forkpty",
    "_exit", "kill", "killpg", "subprocess", "popen", "multiprocessing", "socket", "mmap",
    "workshop", "__eq__", "__torch_function__", "__torch_dispatch__", "__subclasses__",
))  # fmt: skip
PLACES = ("/proc", "/dev/", "/etc/", "solutions", "workshop.")  # in texts
MOST = 20


@dataclass(frozen=True)
class Unusual:
    """A name, or a place in a text, and the line where it stands first."""

    what: str
    line: int


def unusual(source: bytes) -> list[Unusual]:
    """What is unusual in a file of Python, each thing once; as far as it can be read."""
    found: dict[str, int] = {}
    with suppress(tokenize.TokenError, SyntaxError, UnicodeDecodeError, RecursionError):
        for token in tokenize.tokenize(io.BytesIO(source).readline):
            if token.type == tokenize.NAME and token.string in NAMES:
                found.setdefault(token.string, token.start[0])
            elif token.type == tokenize.STRING and not token.string.endswith(('"""', "'''")):
                for place in PLACES:
                    if place in token.string:
                        found.setdefault(place, token.start[0])
            if len(found) >= MOST:
                break
    return [Unusual(what, line) for what, line in found.items()]
