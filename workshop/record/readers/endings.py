"""What the last lines of logs mean: one rule a line, the more telling before the less.

The lines are Slurm's, the shell's, modules', conda's, Python's, torch's and NCCL's own words. Of
two rules that fit a line the first counts, so the special ones come before the general ones.
"""

from __future__ import annotations

from workshop.record.readers import endings_gpu, endings_modules, endings_setup, endings_slurm
from workshop.record.readers.ending import Rule, Telling
from workshop.record.readers.endings_modules import ANOTHER_MODULE

RULES: tuple[Rule, ...] = (
    *endings_slurm.MEMORY,
    *endings_gpu.GPU_MEMORY,
    *endings_slurm.ENDED,
    *endings_slurm.NOT_STARTED,
    *endings_modules.MODULES,
    *endings_setup.CONDA,
    *endings_setup.PROGRAMS,
    *endings_setup.PYTHON,
    *endings_gpu.GPU,
    *endings_gpu.RANKS,
    *endings_setup.CONTAINERS,
    *endings_setup.DISK,
    *endings_setup.ANY_SHELL,
    *endings_slurm.EXITS,
)

__all__ = ["ANOTHER_MODULE", "RULES", "Rule", "Telling"]
