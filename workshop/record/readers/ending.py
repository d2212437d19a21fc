"""What a rule about the last lines of a log is made of, and what several of the rules share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Telling(IntEnum):
    """How much a line tells: the lower, the more. What follows from something else comes last."""

    SETUP = 0  # our own marker: nothing ran after it
    MEMORY = 1  # before the end that Slurm made: ranks wait for the one that is dead
    REASON = 2  # why Slurm made that end
    SLURM = 3
    CAUSE = 4
    VAGUE = 5  # a cause whose own cause another line may name
    HINT = 6  # may be noise: a login script's, or a warning
    CANCELLED = 7  # a user's answer to something else, perhaps
    PEER = 8
    EXCEPTION = 9
    FOLLOWING = 10  # an exception that another process's exception caused
    SIGNALLED = 11
    EXIT = 12
    KILLED = 13
    STEP = 14
    TERMINATED = 15


@dataclass(frozen=True)
class Rule:
    """A line and its meaning. ``{name}`` stands for the pattern's group of that name."""

    telling: Telling
    pattern: str
    reason: str
    advice: str | None = None


MORE_MEMORY = "ask Slurm for more memory: --set mem=32G, or take a smaller model"
ANOTHER_NODE = "submit it again with --exclude {node}"
READ_ABOVE = "the lines before it in the log tell more"
IN_THE_SETUP = "the setup in the cluster's description"

# slurmstepd's lines in a job's log. From Slurm 25.05 on they begin with a time stamp, which
# prefixes.py takes off, or with nothing (LogTimeFormat), instead of slurmstepd's name.
STEPD = r"(?:(?:slurmstepd(?:-\S+)?|slurmd): (?:error: )?|error: )"
TASK = r"srun: error: (?P<node>\S+): tasks? (?P<task>[\d,\[\]-]+): "
SHELL = r"(?:\S*(?:slurm_script|sh|\.slurm): (?:line )?(?:\d+: ){0,2})"
KILLED = r"(?:\S+: line \d+:\s+\d+ )"
ERROR = r"(?:\w[\w.]*(?:Error|Exception)): "
