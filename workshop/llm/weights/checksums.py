"""Which files of a conversion are finished, and their SHA-256: to go on, and to verify."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workshop.llm.config import ConfigError, read_object
from workshop.llm.weights.checkpoint import CONFIG
from workshop.llm.weights.safetensors_file import CheckpointError

CHECKSUMS = "checksums.json"
PARTIAL = ".partial"
BLOCK = 1 << 22


@dataclass(frozen=True)
class Written:
    sha256: str
    bytes: int


@dataclass
class Checksums:
    """What is finished, and which files it was made from: names, sizes and times of change."""

    source: dict[str, list[int]]
    files: dict[str, Written] = field(default_factory=dict)

    def write(self, directory: Path) -> None:
        write_beside(directory / CHECKSUMS, as_json(asdict(self)))

    @classmethod
    def read(cls, directory: Path) -> Checksums:
        """Raises CheckpointError."""
        try:
            data = read_object(directory / CHECKSUMS)
            files = {safe(name): Written(**written) for name, written in data["files"].items()}
            return cls(dict(data["source"]), files)
        except ConfigError as error:
            raise CheckpointError(str(error)) from None
        except (KeyError, TypeError, AttributeError, ValueError):
            raise CheckpointError(
                f"{directory / CHECKSUMS}: these are not the checksums of a conversion"
            ) from None


def safe(name: str) -> str:
    """The name of a file beside another; raises ValueError for a way to anywhere else."""
    if Path(name).name != name:
        raise ValueError(name)
    return name


def verify(directory: Path) -> list[str]:
    """What is not as it was written: a sentence for each file; none where all is well.

    Raises:
        CheckpointError: the directory does not say what was written.
    """
    faults = []
    checksums = Checksums.read(directory)
    if CONFIG not in checksums.files:
        faults.append(f"{directory}: the conversion is not finished: run it again to go on")
    for name, written in checksums.files.items():
        path = directory / name
        if not path.is_file():
            faults.append(f"{path}: the file is gone")
        elif path.stat().st_size != written.bytes:
            faults.append(f"{path}: {path.stat().st_size} bytes in place of {written.bytes}")
        elif sha256(path) != written.sha256:
            faults.append(f"{path}: its contents have changed")
    return faults


def is_finished(path: Path, checksums: Checksums) -> bool:
    """Whether a file is there, and as it was written."""
    written = checksums.files.get(path.name)
    return (
        written is not None
        and path.is_file()
        and path.stat().st_size == written.bytes
        and sha256(path) == written.sha256
    )


def sha256(path: Path) -> str:
    """The SHA-256 of a file; raises CheckpointError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None
    return digest.hexdigest()


def write_beside(path: Path, content: bytes) -> None:
    """A small file, whole or not at all."""
    beside = path.with_name(path.name + PARTIAL)
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def as_json(data: Any) -> bytes:
    return json.dumps(data, indent=2).encode() + b"\n"
