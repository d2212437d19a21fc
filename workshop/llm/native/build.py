"""Compile a C++ source beside this file, once, and register its operators with torch.

``torch.compile`` needs a C++ compiler on a CPU anyway, so this takes the same one: torch finds it
and gives it its flags (``torch._inductor.cpp_builder``), with every instruction that this processor
has. The library goes into torch's own cache directory, under a name made of everything that went
into it: a changed source, another torch or another processor is another file. Processes that build
the same library at the same time each put a whole file in place.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import torch

from workshop.llm.errors import BuildError

HERE = Path(__file__).parent
# a * b + c in one instruction; loops of the source, and roundings, as vector instructions.
FLAGS = ["-ffp-contract=fast", "-ftree-loop-vectorize", "-fno-math-errno"]


WORK = "build-"  # begins the name of a directory that a library is built in
LONGEST_BUILD_SECONDS = 3600


@functools.cache
def load(name: str) -> None:
    """Make the operators of ``NAME.cpp`` known to torch, as ``torch.ops.workshop``.

    The first call on a machine compiles, which takes some 10 to 20 seconds. A library that does not
    load, because it was made with another compiler's runtime, is made anew.

    Raises:
        torch._inductor.exc.InvalidCxxCompiler: there is no C++ compiler.
        BuildError: the compiler refuses the source, or what it made does not load.
    """
    try:
        torch.ops.load_library(library(name))
    except OSError:
        target = library(name)
        target.unlink()
        try:
            torch.ops.load_library(library(name))
        except OSError as error:
            raise BuildError(f"{target} does not load on this machine: {error}") from error


def library(name: str) -> Path:
    """The compiled library of ``NAME.cpp``, built where it is not there yet; raises as ``load``."""
    from torch._inductor.cpp_builder import CppBuilder, CppTorchOptions
    from torch._inductor.cpu_vec_isa import pick_vec_isa
    from torch._inductor.exc import CppCompileError
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    source = HERE / f"{name}.cpp"
    options = CppTorchOptions(vec_isa=pick_vec_isa(), warning_all=False, extra_flags=flags())
    command = CppBuilder("x", str(source), options, output_dir="/").get_command_line()
    texts = [path.read_text(encoding="utf-8") for path in [source, *sorted(HERE.glob("*.h"))]]
    made_of = [*texts, command, torch.__version__, processor()]
    digest = hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:16]
    folder = Path(cache_dir()) / "workshop"
    target = folder / f"{name}-{digest}.so"
    if is_whole(target):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    work = Path(tempfile.mkdtemp(prefix=WORK, dir=folder))
    try:
        builder = CppBuilder(name, str(source), options, output_dir=str(work))
        try:
            builder.build()
        except CppCompileError as error:
            raise BuildError(
                f"{source.name} does not compile on this machine: {first_error(str(error))}"
            ) from error
        made = Path(builder.get_target_file_path())
        size_file(target).write_text(str(made.stat().st_size), encoding="utf-8")
        os.replace(made, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def remove_leftovers(folder: Path) -> None:
    """Remove the work directories of builds that were killed, as far as none can still be one."""
    for work in folder.glob(f"{WORK}*"):
        with contextlib.suppress(OSError):
            if time.time() - work.stat().st_mtime > LONGEST_BUILD_SECONDS:
                shutil.rmtree(work)


def size_file(target: Path) -> Path:
    """Where the size of a library is kept."""
    return target.with_suffix(".size")


def is_whole(target: Path) -> bool:
    """Whether a library is there and as long as it was made.

    A file that was cut short, by a full disk or a node that went down, would end the process that
    loads it with a bus error.
    """
    try:
        return target.stat().st_size == int(size_file(target).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def flags() -> list[str]:
    """FLAGS, as far as the compiler knows them: Clang turns loops into vectors unasked."""
    from torch._inductor.cpp_builder import get_cpp_compiler

    said = subprocess.run([get_cpp_compiler(), "--version"], capture_output=True, text=True)
    clang = "clang" in said.stdout.lower()
    return [flag for flag in FLAGS if not (clang and "loop-vectorize" in flag)]


def processor() -> str:
    """What the compiler's ``-march=native`` goes by: flags of the processor, as Linux has them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def first_error(said: str) -> str:
    """The compiler's first error, in its user's language, without the lines around it."""
    lines = [line.strip() for line in said.partition("Output:")[2].splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line or "/ld:" in line]
    places = [line for line in lines if re.search(r":\d+:\d+: ", line)]
    return (errors or places or lines or ["the compiler gives no reason"])[0][:300]
