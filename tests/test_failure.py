"""What an exception means for whoever ran a stage."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest
import torch

from workshop.llm.config import ConfigError
from workshop.llm.errors import BuildError
from workshop.llm.quantization.int4 import GroupError
from workshop.llm.ranks.part import ParallelError
from workshop.llm.text.errors import TokenizerError
from workshop.llm.weights.safetensors_file import CheckpointError
from workshop.profile.trace import TraceError
from workshop.runner.failure import TRACEBACK_IN_LOG, explain
from workshop.runner.ranks.lifeline import RankLostError
from workshop.util.errors import UsageError


class NarrowerError(CheckpointError):
    """A kind of one of ours is one of ours, whatever its name."""


@pytest.mark.parametrize(
    "kind",
    [
        UsageError,
        CheckpointError,
        TokenizerError,
        ParallelError,
        ConfigError,
        GroupError,
        TraceError,
        NarrowerError,
    ],
)
def test_errors_of_ours_say_themselves_what_is_wrong(kind: type[Exception]) -> None:
    why = explain(kind("the file is cut off"))
    assert (why.reason, why.advice, why.expected) == ("the file is cut off", None, True)


def test_a_lost_rank_brings_its_advice() -> None:
    why = explain(RankLostError(3, " ended without a message", "see dmesg"))
    assert (why.reason, why.advice) == ("rank 3 ended without a message", "see dmesg")


def test_an_error_that_only_has_the_name_of_one_of_ours_is_unknown() -> None:
    impostor = type("CheckpointError", (Exception,), {})
    why = explain(impostor("not ours"))
    assert (why.reason, why.expected) == ("CheckpointError: not ours", False)
    assert why.advice == TRACEBACK_IN_LOG


@pytest.mark.parametrize(
    ("error", "reason", "advice"),
    [
        (BuildError("products.cpp does not compile"), "products.cpp", "--kernels torch"),
        (RuntimeError("No working C++ compiler found"), "no C++ compiler found", "g++"),
        (torch.OutOfMemoryError("CUDA out of memory"), "the GPU's memory", "--quantize int8"),
        (MemoryError(), "this machine's memory", "--mem"),
        (RuntimeError("can't allocate memory: 9 bytes"), "this machine's memory", "--mem"),
        (OSError(errno.ENOSPC, "No space left", "/x/y"), "the disk is full at /x/y", "free some"),
        (ModuleNotFoundError("No module", name="nosuch"), "module nosuch", "environment"),
        (torch.distributed.DistNetworkError("timed out\nmore"), "timed out", "every rank"),
        (torch.distributed.DistNetworkError(""), "did not find each other", "every rank"),
    ],
)
def test_what_can_be_mended_is_explained(error: Exception, reason: str, advice: str) -> None:
    why = explain(error)
    assert why.expected
    assert reason in why.reason
    assert advice in (why.advice or "")
    assert "\n" not in why.reason


def test_the_cause_counts_whatever_wraps_it() -> None:
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = CheckpointError("cut off")
    assert explain(wrapped).reason == "cut off"


def test_an_interrupt_needs_no_advice() -> None:
    assert explain(KeyboardInterrupt()).reason == "interrupted from the keyboard"


def test_explaining_imports_nothing_heavy() -> None:
    """The import of torch may be what has failed."""
    program = (
        "import sys; from workshop.runner.failure import explain; explain(ImportError('torch'));"
        "sys.exit(' '.join({'torch', 'numpy', 'submitit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.strip() == ""
