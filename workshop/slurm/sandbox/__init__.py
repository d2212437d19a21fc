"""A private Slurm on this machine: real daemons, simulated nodes and GPUs.

Everything is below one directory and goes with it. Standard library only: what watches over a
sandbox stays small.
"""

from workshop.slurm.sandbox.config import Shape
from workshop.slurm.sandbox.errors import SandboxError
from workshop.slurm.sandbox.lifecycle import Sandbox, down, is_up, up
from workshop.slurm.sandbox.place import default_directory

__all__ = ["Sandbox", "SandboxError", "Shape", "default_directory", "down", "is_up", "up"]
