"""A cluster's description in a file, and who reads it."""

from __future__ import annotations

from pathlib import Path

ALICE = {"USER": "alice", "HOME": "/home/alice"}


def describe(folder: Path, text: str, name: str = "cluster.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
