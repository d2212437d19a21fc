"""What no exercise asks for, in a participant's file: for a teacher to look at, never a verdict.

The file is read as tokens, never run or compiled: a file of deep nesting harms nobody here. A name
counts by what stands before it: ``eval(...)`` is Python's, ``model.eval()`` a module's own;
``driver`` counts where it is imported, and is a variable's name elsewhere.
"""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

# Names that reach into the interpreter, other processes, or how things are compared and measured,
# wherever they stand.
NAMES = frozenset((
    "gc", "ctypes", "cffi", "_getframe", "currentframe", "f_locals", "f_back", "f_globals",
    "tb_frame", "settrace", "setprofile", "meta_path", "path_hooks", "__import__", "importlib",
    "runpy", "builtins", "__builtins__", "__globals__", "__code__", "__closure__", "cell_contents",
    "__subclasses__", "__eq__", "__torch_function__", "__torch_dispatch__", "TorchDispatchMode",
    "TorchFunctionMode", "_python_dispatch", "_disable_current_modes",
    "_dynamo", "_inductor", "set_stance", "putenv",
    "fork", "forkpty", "_exit", "kill", "killpg", "posix_spawn", "posix_spawnp", "spawnv", "spawnl",
    "spawnvp", "spawnlp", "execv", "execve", "execvp", "execl", "subprocess", "popen", "Popen",
    "multiprocessing", "concurrent", "ProcessPoolExecutor", "ThreadPoolExecutor", "threading",
    "_thread", "socket", "mmap", "workshop",
))  # fmt: skip
# Only as Python's own functions: as a method, each is something else.
FUNCTIONS = frozenset(("eval", "exec", "compile"))
# Only where they are imported, or reached through the module named.
IMPORTED = frozenset(("driver", "signal", "inspect", "atexit", "resource"))
PAIRS = frozenset((
    ("sys", "modules"), ("torch", "_C"), ("os", "system"), ("compiler", "disable"),
    ("signal", "SIGCHLD"),
))  # fmt: skip
# Modules whose parts nobody replaces: torch.compile = ..., time.perf_counter = ...
REPLACED = frozenset(("torch", "F", "nn", "dist", "os", "sys", "time", "math", "statistics"))
SETTINGS = frozenset(("backends", "manual_seed", "environ"))  # parts that are there to be set
PLACES = (
    "/proc", "/dev/", "/etc/", "solutions", "workshop.",
    "TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE",
)  # in texts  # fmt: skip
MOST = 20
LONGEST_NAME = 11  # tokens of a dotted name that is looked at: a.b.c has five
_SPACE = (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
_BLOCKS = frozenset((
    "if", "elif", "else", "for", "while", "try", "except", "finally", "with", "def", "class",
    "match", "case", "async",
))  # fmt: skip


@dataclass(frozen=True)
class Unusual:
    """A name, or a place in a text, and the line where it stands first."""

    what: str
    line: int


@dataclass
class _Statement:
    """The tokens of a statement so far, the first few alone, and the last two.

    Attributes:
        depth: of open brackets.
    """

    first: list[str] = field(default_factory=list)
    last: tuple[str, str] = ("", "")
    count: int = 0
    depth: int = 0

    def add(self, text: str) -> None:
        self.count += 1
        if self.count <= LONGEST_NAME:
            self.first.append(text)
        self.last = (self.last[1], text)
        self.depth += (text in "([{") - (text in ")]}") if len(text) == 1 else 0

    @property
    def over(self) -> bool:
        """Whether the next token begins a statement: after 'if x:' and ';'."""
        ends = self.last[1] == ":" and self.first[0] in _BLOCKS
        return self.depth == 0 and (ends or self.last[1] == ";")


def unusual(source: bytes) -> list[Unusual]:
    """What is unusual in a file of Python, each thing once; as far as it can be read."""
    found: dict[str, int] = {}
    statement = _Statement()
    with suppress(tokenize.TokenError, SyntaxError, UnicodeDecodeError, RecursionError):
        for token in tokenize.tokenize(io.BytesIO(source).readline):
            if token.type in _SPACE:
                continue
            if token.type == tokenize.NEWLINE or statement.over:
                statement = _Statement()
            for what in reached_by(token, statement):
                found.setdefault(what, token.start[0])
            if token.type != tokenize.NEWLINE:
                statement.add(token.string)
            if len(found) >= MOST:
                break
    return [Unusual(what, line) for what, line in found.items()]


def reached_by(token: tokenize.TokenInfo, before: _Statement) -> Iterator[str]:
    """What is unusual about one token, by those before it in its statement."""
    if token.type == tokenize.NAME:
        yield from named(token.string, before)
    elif token.type == tokenize.STRING and not token.string.endswith(('"""', "'''")):
        yield from (place for place in PLACES if place in token.string)
    elif token.string == "=" and (target := replaced(before)):
        yield target


def named(name: str, before: _Statement) -> Iterator[str]:
    owner = before.last[0] if before.last[1] == "." else ""
    imports_from = before.first[1] if before.first[:1] == ["from"] and before.count > 1 else ""
    if (owner or imports_from, name) in PAIRS:
        yield f"{owner or imports_from}.{name}"
        return
    own = before.last[1] not in (".", "def") and not imports_from  # Python's, not a method
    if name in NAMES or (name in FUNCTIONS and own) or (name in IMPORTED and is_module(before)):
        yield name


def is_module(before: _Statement) -> bool:
    """Whether the next name is that of a module: 'import a, NAME', 'from NAME import ...'."""
    return before.first[:1] == ["import"] or before.first == ["from"]


def replaced(before: _Statement) -> str:
    """'torch.compile' before the '=' of 'torch.compile = ...'; '' before any other."""
    target = before.first
    if before.count > LONGEST_NAME or len(target) < 3 or len(target) % 2 == 0:
        return ""
    dotted = all(one == "." for one in target[1::2]) and all(map(str.isidentifier, target[::2]))
    if not dotted or target[0] not in REPLACED or target[2] in SETTINGS:
        return ""
    return "".join(target)
