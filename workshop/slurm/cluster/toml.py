"""Cluster -> TOML, with a comment beside each value."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from workshop.slurm.cluster.description import Cluster

BARE = re.compile(r"[A-Za-z0-9_-]+")
WIDTH = 34  # of an entry, before its comment
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dumps(cluster: Cluster, comments: Mapping[str, str] | None = None) -> str:
    """The cluster as TOML that reads back as the same; ``comments`` by dotted key."""
    return "\n".join(_table(_plain(cluster), "", comments or {})) + "\n"


def flat(cluster: Cluster) -> dict[str, Any]:
    """Every value that the cluster has, by dotted key."""
    return dict(_pairs(_plain(cluster), ""))


def comment(text: str) -> str:
    """A line that TOML does not read, whatever is in the text."""
    return f"# {''.join(letter if letter.isprintable() else ' ' for letter in text)}".rstrip()


def string(text: str) -> str:
    """A basic string: in double quotes, with escapes."""
    return f'"{"".join(map(_letter, text))}"'


def _plain(cluster: Cluster) -> dict[str, Any]:
    """The tables of the file; ``source`` is no key but the file itself."""
    return {key: value for key, value in dataclasses.asdict(cluster).items() if key != "source"}


def _pairs(table: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _pairs(value, f"{above}{name}.")
        elif value is not None:
            yield above + name, value


def _letter(letter: str) -> str:
    if letter in ESCAPES:
        return ESCAPES[letter]
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x20 or letter == "\x7f" else letter


def _table(table: Mapping[str, Any], above: str, comments: Mapping[str, str]) -> list[str]:
    """Lines of a table: first its own values, then the tables within; empty ones are left out."""
    lines = []
    for name, value in table.items():
        if value is not None and not isinstance(value, dict):
            lines.append(_entry(name, value, comments.get(above + name)))
    for name, value in table.items():
        if isinstance(value, dict) and (inner := _table(value, f"{above}{name}.", comments)):
            headed = inner[0] == "" and inner[1].startswith("[")  # nothing but tables within
            lines += inner if headed else ["", f"[{above}{name}]", *inner]
    return lines


def _entry(name: str, value: Any, said: str | None) -> str:
    key = name if BARE.fullmatch(name) else string(name)
    if isinstance(value, tuple) and sum(map(len, value)) > 60:
        items = "".join(f"    {string(one)},\n" for one in value)
        opened = f"{key} = ["
        return _beside(opened, said) + f"\n{items}]"
    return _beside(f"{key} = {_written(value)}", said)


def _beside(entry: str, said: str | None) -> str:
    return f"{entry:<{WIDTH}}  {comment(said)}" if said else entry


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(string, value))}]"
    return string(value)
