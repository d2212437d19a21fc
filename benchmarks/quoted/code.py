"""A digest of code: the same as long as what it does is the same.

Comments, docstrings, layout, the words of errors, the names of files and what is imported from
where in this package do not count, so that rewording or moving something needs no new measurement.
Everything else does: which of two ways is faster, no program can tell.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

# Strings, which are kept, and comments, which are not.
_CPP = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def digest(root: Path, patterns: Iterable[str]) -> str:
    """SHA-256 over the files that the patterns name, in hex.

    A pattern is a glob below ``root``. ``!GLOB`` takes files out again, ``FILE.py:NAME`` is one
    function or class of a module, ``FILE:/REGEX/`` the lines of a file that match, and ``=TEXT``
    that text itself.

    Raises:
        FileNotFoundError: a pattern names nothing, because what it named has moved.
    """
    found = hashlib.sha256()
    for content in sorted(contents(root, patterns)):
        found.update(f"{len(content)}\0".encode() + content)
    return found.hexdigest()


def contents(root: Path, patterns: Iterable[str]) -> Iterator[bytes]:
    """What counts of each file or part of a file."""
    wanted = list(patterns)
    left_out = {file for one in wanted if one.startswith("!") for file in files(root, one[1:])}
    for pattern in wanted:
        path, colon, part = pattern.partition(":")
        if pattern.startswith("!"):
            continue
        if pattern.startswith("="):
            yield pattern.encode()
            continue
        if colon:
            yield part_of(root / path, part)
            continue
        for file in files(root, pattern):
            if file not in left_out:
                yield content(file)


def files(root: Path, pattern: str) -> list[Path]:
    """The files of a glob; raises FileNotFoundError where there are none."""
    found = [one for one in root.glob(pattern) if one.is_file() and "__pycache__" not in one.parts]
    if not found:
        raise FileNotFoundError(f"{pattern} names no file of {root}: correct benchmarks/quoted")
    return found


def content(file: Path) -> bytes:
    """What counts of a file."""
    if file.suffix == ".py":
        return program(ast.parse(file.read_text("utf-8"))).encode()
    if file.suffix in (".cpp", ".h"):
        return cpp(file.read_text("utf-8")).encode()
    return file.read_bytes()


def part_of(file: Path, part: str) -> bytes:
    """A function or class of a module, or the lines of a file that match ``/REGEX/``."""
    text = file.read_text("utf-8")
    if part.startswith("/"):
        lines = [line for line in text.splitlines() if re.search(part.strip("/"), line)]
        if not lines:
            raise FileNotFoundError(f"no line of {file} matches {part}")
        return "\n".join(lines).encode()
    for node in ast.parse(text).body:
        if getattr(node, "name", None) == part:
            return program(node).encode()
    raise FileNotFoundError(f"there is no {part} in {file}")


def program(node: ast.AST) -> str:
    """A module or a part of one as text, without what says something to people alone.

    Written out here because ``ast.dump`` differs from one Python to the next.
    """
    return _written(node, said=False)


def _written(value: object, said: bool) -> str:
    """``said``: in a ``raise``, whose strings are words for people."""
    if isinstance(value, list):
        return f"[{' '.join(_written(one, said) for one in value if _counts(one))}]"
    if not isinstance(value, ast.AST):
        return repr(value)
    if said and (
        isinstance(value, ast.JoinedStr)
        or (isinstance(value, ast.Constant) and isinstance(value.value, str))
    ):
        return "words"
    said = said or isinstance(value, ast.Raise)
    fields = [
        f"{name}={_written(field, said)}"
        for name, field in ast.iter_fields(value)
        if name not in ("ctx", "kind", "type_comment", "returns", "annotation")
        and (field is not None or isinstance(value, ast.Constant))
        and field != []
    ]
    return f"{type(value).__name__}({' '.join(fields)})"


def _counts(node: object) -> bool:
    """Whether a statement does something: no docstring, no import from this package."""
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] != "workshop"
    return not (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def cpp(text: str) -> str:
    """C++ without comments, and with single spaces."""
    return " ".join(_CPP.sub(lambda one: one[0] if one[0][0] == '"' else " ", text).split())
