"""TOML file -> Cluster. What is wrong with the file is said in one sentence."""

from __future__ import annotations

import dataclasses
import datetime
import re
import tomllib
import types
import typing
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from workshop.slurm import times
from workshop.slurm.cluster.description import Cluster
from workshop.util.errors import UsageError
from workshop.util.near import close

SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HOST_PART = re.compile(r"[A-Za-z0-9.-]{1,63}")
INTERFACE = re.compile(r"[^\s/]{1,15}")  # what Linux takes for a name
MEMORY = re.compile(r"0|[1-9][0-9]*([KMGT]B?)?", re.IGNORECASE)

# What a text must be besides being text, and how to say so.
FORMS: dict[str, tuple[Callable[[str], bool], str]] = {
    "slurm.time": (lambda text: bool(times.seconds(text)), f"a time above 0, as {times.FORMS}"),
    "slurm.mem": (lambda text: bool(MEMORY.fullmatch(text)), 'a size, as "16G"'),
    "slurm.mem_per_cpu": (lambda text: bool(MEMORY.fullmatch(text)), 'a size, as "4G"'),
    "network.address_suffix": (
        lambda text: bool(HOST_PART.fullmatch(text)),
        'the end of a host name, as "i"',
    ),
    "network.interface": (
        lambda text: bool(INTERFACE.fullmatch(text)),
        'the name of a network interface, as "ib0"',
    ),
}
# What becomes one word of a command; a space would end it.
WORDS = (
    "slurm.partition",
    "slurm.account",
    "slurm.reservation",
    "slurm.qos",
    "slurm.constraint",
    "slurm.exclude",
    "gpus.type",
    "environment.modules",
)
VARIABLES = "environment.variables"


def load(path: Path) -> Cluster:
    """The cluster that the file describes; what the file leaves out has its default.

    Raises:
        UsageError: the file cannot be read, or something in it is not as it must be.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8-sig"))
        found = _fill(Cluster, {"name": path.stem, **table}, "")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: byte {error.start} is wrong") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}{_hint(error)}") from None
    return dataclasses.replace(found, source=path)


def _hint(error: Exception) -> str:
    """The two ways in which a value is most often written wrongly."""
    bare = str(error).startswith("Invalid value")
    return "; text needs quotes, and true and false no capitals" if bare else ""


def keys(cls: type) -> dict[str, Any]:
    """Each key that a table may have, and its type; ``source`` is no key but the file itself."""
    return {name: kind for name, kind in typing.get_type_hints(cls).items() if name != "source"}


def all_keys(cls: type = Cluster, above: str = "") -> Iterable[str]:
    """Every key there is, dotted: name, slurm.partition, ..."""
    for name, kind in keys(cls).items():
        if dataclasses.is_dataclass(kind):
            yield from all_keys(typing.cast(type, kind), f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _fill(cls: type, table: dict[str, Any], above: str) -> Any:
    """The dataclass, from a table of TOML; ``above`` is the table's name and a dot."""
    allowed = keys(cls)
    for name in table:
        if name not in allowed:
            raise UsageError(_unknown(name, list(allowed), above))
    return cls(**{name: _value(allowed[name], table[name], above + name) for name in table})


def _unknown(name: str, allowed: list[str], above: str) -> str:
    elsewhere = [key for key in all_keys() if key.rpartition(".")[2] == name]
    hint = f" (did you mean {elsewhere[0]}?)" if elsewhere else close(name, allowed)
    place = f"the keys of [{above[:-1]}]" if above else "the keys and tables"
    return f"there is no key {above}{_printable(name)}{hint}; {place} are {', '.join(allowed)}"


def _value(kind: Any, value: Any, key: str) -> Any:
    """The value, checked against the type that the dataclass has for it."""
    if isinstance(kind, types.UnionType):  # str | None: a key that is there has a value
        kind = next(one for one in typing.get_args(kind) if one is not types.NoneType)
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        _must(isinstance(value, dict), key, value, f"a table, as [{key}]")
        return _fill(typing.cast(type, kind), value, f"{key}.")
    if origin is typing.Literal:
        allowed = typing.get_args(kind)
        hint = close(value, allowed) if isinstance(value, str) else ""
        _must(value in allowed, key, value, f"one of {', '.join(allowed)}{hint}")
        return value
    if origin is tuple:
        _must(isinstance(value, list), key, value, 'a list of texts, as ["..."]')
        return tuple(_text(one, key, f"{key}, item {n},") for n, one in enumerate(value, 1))
    if origin is dict:
        _must(isinstance(value, dict), key, value, f"a table, as [{key}]")
        return {name: _variable(name, text) for name, text in value.items()}
    if kind is bool:
        _must(isinstance(value, bool), key, value, "true or false, without quotes")
        return value
    if kind is int:
        whole = type(value) is int and value > 0
        _must(whole, key, value, "a whole number above 0, without quotes")
        return value
    return _text(value, key, key)


def _text(value: Any, key: str, name: str) -> str:
    """A text of one line; ``said`` is what to call it."""
    _must(isinstance(value, str), name, value, "text, in quotes")
    _must(value != "", name, value, "left out where it is not wanted")
    _must(_one_line(value), name, value, "one line without control characters")
    if key in WORDS:
        _must(not re.search(r"\s", value), name, value, "one word, without spaces")
    fits, form = FORMS.get(key, (None, ""))
    if fits:
        _must(fits(value), name, value, form)
    return value


def _variable(name: str, value: Any) -> str:
    key = f"{VARIABLES}.{_printable(name)}"
    if not SHELL_NAME.fullmatch(name):
        raise UsageError(f"{key} is no name for a variable: it needs letters, digits and _ alone")
    # A shell knows nothing but text, and true or 1.0 could be written in several ways.
    quoted = f', as "{value}"' if type(value) is int else ""
    _must(isinstance(value, str), key, value, f"text, in quotes{quoted}")
    _must(_one_line(value), key, value, "one line without control characters")
    return value


def _must(right: bool, key: str, value: Any, form: str) -> None:
    if not right:
        raise UsageError(f"{key} is {_said(value)}, and must be {form}")


def _said(value: Any) -> str:
    """A value as one would name it to the person who wrote it."""
    if isinstance(value, str):
        short = value if len(value) <= 60 else value[:57] + "..."
        return f'"{_printable(short)}"' if value else "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, datetime.date | datetime.time):
        return f"{value} without quotes"
    return "a table" if isinstance(value, dict) else "a list"


def _one_line(text: str) -> bool:
    return not any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in text)


def _printable(text: str) -> str:
    """The text as one line of a message, whatever is in it."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
