"""A conversion is whole or not at all: interrupted, it goes on, and it writes over nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from convert_builders import CONFIG, SMALL_FILES, assert_is, new, one_safetensors, source, state_of
from llm_builders import random_llama

from workshop.llm.weights import checkpoint
from workshop.llm.weights.checkpoint import CheckpointError
from workshop.llm.weights.checksums import verify
from workshop.llm.weights.convert import Origin, Piece, convert
from workshop.llm.weights.convert_source import open_source

__all__ = ["new", "source"]  # fixtures


class StoppedError(Exception):
    pass


def stop_after(bytes_done: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done > bytes_done:
            raise StoppedError

    return progress


def half_converted(source: Path, new: Path) -> dict[str, tuple[int, str]]:
    """What is there after an interruption in the middle."""
    with pytest.raises(StoppedError):
        convert(open_source(source), new, stop_after(200_000), SMALL_FILES)
    return state_of(new)


def test_an_interrupted_conversion_goes_on_behind_what_is_finished(source: Path, new: Path) -> None:
    there = half_converted(source, new)
    assert not any(name.endswith(".partial") for name in there)
    finished = {name: state for name, state in there.items() if name.endswith(".safetensors")}
    assert len(finished) >= 2
    with pytest.raises(CheckpointError, match=r"config\.json: No such file"):
        checkpoint.load(new)
    assert verify(new) == [f"{new}: the conversion is not finished: run it again to go on"]
    convert(open_source(source), new, largest=SMALL_FILES)
    assert_is(new, random_llama(CONFIG))
    after = state_of(new)
    assert {name: after[name] for name in finished} == finished, "finished files were written again"


def test_what_was_finished_and_is_damaged_is_written_again(source: Path, new: Path) -> None:
    there = half_converted(source, new)
    path = next(new / name for name in sorted(there) if name.endswith(".safetensors"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    convert(open_source(source), new, largest=SMALL_FILES)
    assert_is(new, random_llama(CONFIG))


def test_a_finished_conversion_can_be_asked_for_again(source: Path, new: Path) -> None:
    convert(open_source(source), new)
    weights = state_of(new)["model.safetensors"]
    convert(open_source(source), new)
    assert state_of(new)["model.safetensors"] == weights
    assert verify(new) == []


def test_killed_in_the_middle_it_leaves_only_whole_files_and_goes_on(
    source: Path, new: Path
) -> None:
    program = f"""
        import os, signal
        from pathlib import Path
        from workshop.llm.weights.convert import convert
        from workshop.llm.weights.convert_source import open_source
        def progress(done, total):
            if done > 200_000:
                os.kill(os.getpid(), signal.SIGKILL)
        convert(open_source(Path({str(source)!r})), Path({str(new)!r}), progress, {SMALL_FILES})
    """
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert died.returncode == -signal.SIGKILL
    sums = json.loads((new / "checksums.json").read_text())["files"]
    whole = [p for p in new.iterdir() if p.suffix == ".safetensors"]
    assert len(whole) >= 2
    for path in whole:
        assert sums[path.name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    convert(open_source(source), new, largest=SMALL_FILES)
    assert_is(new, random_llama(CONFIG))
    assert not list(new.glob("*.partial"))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk on which no file gets larger: writing fails in the middle, as on a full one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_leaves_no_rest_and_the_next_try_goes_on(
    source: Path, new: Path
) -> None:
    with files_of_at_most(20_000), pytest.raises(OSError, match="File too large"):
        convert(open_source(source), new, largest=SMALL_FILES)
    assert not list(new.glob("*.partial"))
    convert(open_source(source), new, largest=SMALL_FILES)
    assert_is(new, random_llama(CONFIG))


def test_a_disk_too_small_is_said_before_anything_is_written(new: Path) -> None:
    vast = Piece("model.norm.weight", torch.float32, (10**15,), lambda: torch.zeros(0))
    with pytest.raises(
        CheckpointError, match=r"4000000\.0 GB are still to be written, and the disk"
    ):
        convert(Origin("vast", [], [vast], {}, {}), new)
    assert not list(new.iterdir())


def test_another_checkpoint_is_not_written_over(source: Path, new: Path, tmp_path: Path) -> None:
    checkpoint.save(random_llama(), new)
    before = state_of(new)
    with pytest.raises(CheckpointError) as refused:
        convert(open_source(source), new)
    assert str(refused.value) == f"{new} holds a checkpoint already: choose another directory"
    assert state_of(new) == before
    half = tmp_path / "half"
    half_converted(source, half)
    other = one_safetensors(random_llama(CONFIG, seed=5), tmp_path / "other")
    with pytest.raises(CheckpointError, match="a conversion of another checkpoint, or of this one"):
        convert(open_source(other), half)
    os.utime(next(source.glob("*.safetensors")), (1, 1))
    with pytest.raises(CheckpointError, match="a conversion of another checkpoint, or of this one"):
        convert(open_source(source), half)


def test_two_conversions_into_one_place_are_one_too_many(source: Path, new: Path) -> None:
    def progress(done: int, total: int) -> None:
        with pytest.raises(CheckpointError, match="another conversion is writing here"):
            convert(open_source(source), new)

    convert(open_source(source), new, progress)
    assert_is(new, random_llama(CONFIG))
