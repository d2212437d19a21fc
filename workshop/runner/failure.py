"""From an exception to a sentence: what went wrong, and what to do next."""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass

CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
COMPILER_ADVICE = (
    "install g++ (Debian: apt-get install g++; on a cluster: module load GCC or gcc), "
    "or name one in the variable CXX"
)


@dataclass(frozen=True)
class Failure:
    """Why a run has no number.

    Attributes:
        reason: one sentence.
        advice: what to do next; None where there is nothing better to say than the reason.
        expected: the user's to mend, so that a traceback would only be in the way.
    """

    reason: str
    advice: str | None
    expected: bool


def explain(error: BaseException) -> Failure:
    """What ``error`` means for whoever ran it. Reads names and texts: imports nothing heavy."""
    for cause in causes(error):
        found = known(cause)
        if found is not None:
            return found
    first = str(error).strip().splitlines()
    return Failure(
        f"{type(error).__name__}: {first[0] if first else 'no message'}",
        "the log has the whole traceback",
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
    name, text = type(error).__name__, str(error)
    if name == "InvalidCxxCompiler" or "No working C++ compiler found" in text:
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
    if name == "BuildError":
        return Failure(
            text,
            f"use --kernels torch and --activations dtype, or try another compiler: "
            f"{COMPILER_ADVICE}",
            expected=True,
        )
    if name in (
        "UsageError",
        "CheckpointError",
        "TokenizerError",
        "ParallelError",
        "ConfigError",
        "GroupError",
    ):
        return Failure(text, None, expected=True)
    if name == "OutOfMemoryError" or "CUDA out of memory" in text:
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
    cache = os.environ.get(CACHE_VARIABLE)
    if isinstance(error, OSError) and cache and str(error.filename or "").startswith(cache):
        return Failure(
            f"{CACHE_VARIABLE} names {cache}, which cannot be written: {error.strerror}",
            "name a directory of yours in it, or unset it",
            expected=True,
        )
    if isinstance(error, OSError) and error.errno == 28:
        return Failure(
            f"the disk is full{f' at {error.filename}' if error.filename else ''}",
            "free some space, or point TORCHINDUCTOR_CACHE_DIR and TMPDIR somewhere else",
            expected=True,
        )
    if isinstance(error, ModuleNotFoundError):
        return Failure(
            f"the Python module {error.name} is not installed here",
            "activate the environment that workshop is installed in, or install the module",
            expected=True,
        )
    if name == "UncompletedJobError" and "timed-out" in text:  # submitit, warned by Slurm
        return Failure(
            "the job's time limit was about to end the run",
            "ask for more time: --time 01:00:00",
            expected=True,
        )
    if name == "RankLostError":  # another rank has explained it already
        return Failure(text, getattr(error, "advice", None), expected=True)
    if name in ("DistNetworkError", "DistStoreError"):
        return Failure(
            f"the ranks did not find each other: {text.strip().splitlines()[0]}",
            "see whether every rank has started (the log of each), and whether the nodes may "
            "talk to each other; then submit again",
            expected=True,
        )
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted from the keyboard", None, expected=True)
    return None


def whole_traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
