"""Cluster -> TOML, with a comment beside each value."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.items import Item, Table

from workshop.slurm.cluster.description import Cluster

WIDTH = 34  # of an entry, before its comment
LONGEST_ARRAY = 60  # characters of an array's texts on one line


def dumps(cluster: Cluster, comments: Mapping[str, str] | None = None) -> str:
    """The cluster as TOML that reads back as the same; ``comments`` by dotted key."""
    document = tomlkit.document()
    _fill(document, _plain(cluster), "", comments or {})
    return tomlkit.dumps(document)


def flat(cluster: Cluster) -> dict[str, Any]:
    """Every value that the cluster has, by dotted key."""
    return dict(_pairs(_plain(cluster), ""))


def comment(text: str) -> str:
    """A line that TOML does not read, whatever is in the text."""
    return f"# {''.join(letter if letter.isprintable() else ' ' for letter in text)}".rstrip()


def string(text: str) -> str:
    """A basic string: in double quotes, with escapes."""
    return tomlkit.string(text).as_string()


def _plain(cluster: Cluster) -> dict[str, Any]:
    """The tables of the file; ``source`` is no key but the file itself."""
    return {key: value for key, value in dataclasses.asdict(cluster).items() if key != "source"}


def _pairs(table: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _pairs(value, f"{above}{name}.")
        elif value is not None:
            yield above + name, value


def _fill(
    into: Container | Table, table: Mapping[str, Any], above: str, comments: Mapping[str, str]
) -> None:
    """Write a table: its own values, then the tables within; None and empty tables are left out."""
    for name, value in table.items():
        if value is not None and not isinstance(value, dict):
            key = tomlkit.key(name)
            into.add(key, _item(key.as_string(), value, comments.get(above + name)))
    for name, value in table.items():
        if isinstance(value, dict) and dict(_pairs(value, "")):
            within = tomlkit.table()
            _fill(within, value, f"{above}{name}.", comments)
            into.add(name, within)


def _item(key: str, value: Any, remark: str | None) -> Item:
    item = tomlkit.item(list(value) if isinstance(value, tuple) else value)
    if isinstance(value, tuple):
        item.multiline(sum(map(len, value)) > LONGEST_ARRAY)
    if remark:
        last_line = f"{key} = {item.as_string()}".rpartition("\n")[2]
        item.trivia.comment_ws = " " * max(2, WIDTH + 2 - len(last_line))
        item.trivia.comment = comment(remark)
    return item
