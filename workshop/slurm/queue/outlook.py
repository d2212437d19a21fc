"""Whether a job that waits will start, and what several of the sentences about it share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ASK = "ask the cluster's support"
CANCEL = "'workshop cancel {job}', and submit it again"


class Outlook(StrEnum):
    """What it takes for a job to start."""

    WAITS = "waits"  # nothing: its turn comes
    BLOCKED = "blocked"  # a change of the job, of a limit or of the cluster; Slurm keeps looking
    HELD = "held"  # a command of a person: Slurm does not look at the job until then


@dataclass(frozen=True)
class Waiting:
    """Why a job waits.

    Attributes:
        sentence: with what to do where something can be done; ``{job}`` is its number.
    """

    sentence: str
    outlook: Outlook = Outlook.WAITS
