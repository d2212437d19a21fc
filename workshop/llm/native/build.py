"""Compile a C++ source beside this file, once, and register its operators with torch.

``torch.compile`` needs a C++ compiler on a CPU anyway, so this takes the same one: torch finds it
and gives it its flags (``torch._inductor.cpp_builder``), with every instruction that this processor
has. The library goes into torch's own cache directory, under a name made of everything that went
into it: a changed source, another torch or another processor is another file. Processes that build
the same library at the same time each put a whole file in place.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import torch

HERE = Path(__file__).parent
# a * b + c in one instruction; loops of the source, and roundings, as vector instructions.
FLAGS = ["-ffp-contract=fast", "-ftree-loop-vectorize", "-fno-math-errno"]


class BuildError(Exception):
    """A source that does not compile on this machine; the message has the compiler's reason."""


@functools.cache
def load(name: str) -> None:
    """Make the operators of ``NAME.cpp`` known to torch, as ``torch.ops.workshop``.

    The first call on a machine compiles: about 10 seconds.

    Raises:
        torch._inductor.exc.InvalidCxxCompiler: there is no C++ compiler.
        BuildError: the compiler refuses the source.
    """
    torch.ops.load_library(library(name))


def library(name: str) -> Path:
    """The compiled library of ``NAME.cpp``, built where it is not there yet; raises as ``load``."""
    from torch._inductor.cpp_builder import CppBuilder, CppTorchOptions
    from torch._inductor.cpu_vec_isa import pick_vec_isa
    from torch._inductor.exc import CppCompileError
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    source = HERE / f"{name}.cpp"
    options = CppTorchOptions(vec_isa=pick_vec_isa(), warning_all=False, extra_flags=FLAGS)
    command = CppBuilder("x", str(source), options, output_dir="/").get_command_line()
    made_of = [source.read_text(encoding="utf-8"), command, torch.__version__, processor()]
    digest = hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:16]
    folder = Path(cache_dir()) / "workshop"
    target = folder / f"{name}-{digest}.so"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
    try:
        builder = CppBuilder(name, str(source), options, output_dir=str(work))
        try:
            builder.build()
        except CppCompileError as error:
            raise BuildError(
                f"{source.name} does not compile on this machine: {first_error(str(error))}"
            ) from error
        os.replace(builder.get_target_file_path(), target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def processor() -> str:
    """What the compiler's ``-march=native`` goes by: flags of the processor, as Linux has them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def first_error(said: str) -> str:
    """The compiler's first error, without the lines around it."""
    lines = [line.strip() for line in said.splitlines()]
    errors = [line for line in lines if "error:" in line or "/ld:" in line]
    return (errors or ["the compiler gives no reason"])[0][:300]
