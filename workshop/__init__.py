"""Teach LLM inference optimisation on a Slurm cluster, by running it."""

__version__ = "0.1.0"
