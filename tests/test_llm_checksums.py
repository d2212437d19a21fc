"""Verifying names the file that is not as it was written, and refuses checksums that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from convert_builders import SMALL_FILES, new, source

from workshop.llm.weights.checkpoint import CheckpointError
from workshop.llm.weights.checksums import verify
from workshop.llm.weights.convert import convert
from workshop.llm.weights.convert_source import open_source

__all__ = ["new", "source"]  # fixtures


@pytest.mark.parametrize("change", ["byte", "shorter", "gone"])
def test_verifying_names_the_file_that_is_not_as_it_was(
    source: Path, new: Path, change: str
) -> None:
    convert(open_source(source), new, largest=SMALL_FILES)
    path = sorted(new.glob("*.safetensors"))[1]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if change == "gone":
        path.unlink()
        expected = f"{path}: the file is gone"
    elif change == "shorter":
        path.write_bytes(content[:-1])
        expected = f"{path}: {len(content) - 1} bytes in place of {len(content)}"
    else:
        path.write_bytes(content)
        expected = f"{path}: its contents have changed"
    assert verify(new) == [expected]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"source": {}, "files": {"../../etc/passwd": {"sha256": "", "bytes": 1}}}'],
)
def test_checksums_that_are_none_are_refused(new: Path, content: str) -> None:
    new.mkdir()
    (new / "checksums.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"checksums\.json"):
        verify(new)
