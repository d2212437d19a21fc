"""From an exception to a sentence: what went wrong, and what to do next."""

from __future__ import annotations

import errno
import os
import traceback
from dataclasses import dataclass

from workshop.llm.errors import BuildError, EngineError
from workshop.util.errors import ExpectedError

CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
COMPILER_ADVICE = (
    "install g++ (Debian: apt-get install g++; on a cluster: module load GCC or gcc), "
    "or name one in the variable CXX"
)
TRACEBACK_IN_LOG = "the log has the whole traceback"


@dataclass(frozen=True)
class Failure:
    """Why a run has no number.

    Attributes:
        reason: one sentence.
        advice: what to do next; None where there is nothing better to say than the reason.
        expected: the user can mend it, so that a traceback would only be in the way.
    """

    reason: str
    advice: str | None
    expected: bool


def explain(error: BaseException) -> Failure:
    """What ``error`` means for whoever ran it.

    Imports nothing heavy: errors of torch and submitit are recognised by their names and texts.
    """
    for cause in causes(error):
        found = known(cause)
        if found is not None:
            return found
    first = str(error).strip().splitlines()
    return Failure(
        f"{type(error).__name__}: {first[0] if first else 'no message'}",
        TRACEBACK_IN_LOG,
        expected=False,
    )


def causes(error: BaseException) -> list[BaseException]:
    """The error and what it came from: torch wraps a missing compiler three times."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = getattr(current, "inner_exception", None) or (
            current.__cause__ or (None if current.__suppress_context__ else current.__context__)
        )
    return chain


def known(error: BaseException) -> Failure | None:
    """What one error means, whatever it came from; None where it has to be shown as it is."""
    for recognised in (of_ours, of_compilers, of_memory, of_files, of_other_processes):
        found = recognised(error)
        if found is not None:
            return found
    return None


def of_ours(error: BaseException) -> Failure | None:
    """Errors of this package, which say themselves what is wrong."""
    if isinstance(error, BuildError):
        return Failure(
            str(error),
            f"use --kernels torch and --activations dtype, or try another compiler: "
            f"{COMPILER_ADVICE}",
            expected=True,
        )
    if isinstance(error, ExpectedError):
        return Failure(str(error), error.advice, expected=True)
    if isinstance(error, EngineError):
        return Failure(str(error), None, expected=True)
    return None


def of_compilers(error: BaseException) -> Failure | None:
    """A C++ compiler that is missing, or that fails under torch.compile."""
    name = type(error).__name__
    if name == "InvalidCxxCompiler" or "No working C++ compiler found" in str(error):
        return Failure(
            "no C++ compiler found, which torch.compile and the C++ kernels need on a CPU",
            COMPILER_ADVICE,
            expected=True,
        )
    if name == "CppCompileError":
        return Failure(
            "the C++ compiler could not compile what torch.compile wrote",
            f"try another compiler: {COMPILER_ADVICE}",
            expected=False,
        )
    return None


def of_memory(error: BaseException) -> Failure | None:
    """Memory that is full: the GPU's or this machine's."""
    text = str(error)
    if type(error).__name__ == "OutOfMemoryError" or "CUDA out of memory" in text:
        return Failure(
            "the GPU's memory is full",
            "take a smaller model, --quantize int8, or more ranks (--ranks)",
            expected=True,
        )
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return Failure(
            "this machine's memory is full",
            "take a smaller model or --quantize int8, or ask Slurm for more (--mem)",
            expected=True,
        )
    return None


def of_files(error: BaseException) -> Failure | None:
    """Files and modules that cannot be read, written or found."""
    if isinstance(error, ModuleNotFoundError):
        return Failure(
            f"the Python module {error.name} is not installed here",
            "activate the environment that workshop is installed in, or install the module",
            expected=True,
        )
    if not isinstance(error, OSError):
        return None
    cache = os.environ.get(CACHE_VARIABLE)
    if cache and str(error.filename or "").startswith(cache):
        return Failure(
            f"{CACHE_VARIABLE} names {cache}, which cannot be written: {error.strerror}",
            "name a directory of yours in it, or unset it",
            expected=True,
        )
    if error.errno == errno.ENOSPC:
        return Failure(
            f"the disk is full{f' at {error.filename}' if error.filename else ''}",
            "free some space, or point TORCHINDUCTOR_CACHE_DIR and TMPDIR somewhere else",
            expected=True,
        )
    return None


def of_other_processes(error: BaseException) -> Failure | None:
    """Slurm, the other ranks, or the user at the keyboard."""
    name, text = type(error).__name__, str(error)
    if name == "UncompletedJobError" and "timed-out" in text:  # submitit, warned by Slurm
        return Failure(
            "the job's time limit was about to end the run",
            "ask for more time: --time 01:00:00",
            expected=True,
        )
    if name == "UncompletedJobError" and "checkpoint function returned None" in text:
        return Failure(
            "the job was to be requeued (preemption, or --restarts), and its node has no scontrol",
            "add the directory of Slurm's commands to PATH in environment.setup of the cluster's "
            "description, or submit it again",
            expected=True,
        )
    if name in ("DistNetworkError", "DistStoreError"):
        first = text.strip().splitlines()
        return Failure(
            f"the ranks did not find each other: {first[0] if first else name}",
            "see whether every rank has started (the log of each), and whether the nodes may "
            "talk to each other; then submit again",
            expected=True,
        )
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted from the keyboard", None, expected=True)
    return None


def whole_traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
