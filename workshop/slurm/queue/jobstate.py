"""One job as Slurm sees it."""

from __future__ import annotations

from dataclasses import dataclass

GONE = "GONE"  # our own: Slurm does not know the job any more
COMPLETED = "COMPLETED"
ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        COMPLETED,
        "DEADLINE",
        "FAILED",
        "LAUNCH_FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "RECONFIG_FAIL",
        "REVOKED",
        "TIMEOUT",
        GONE,
    }
)


@dataclass(frozen=True)
class JobState:
    """How a job stands.

    Attributes:
        job_id: '123', or '123_4' for a task of an array.
        state: Slurm's long name for it, or GONE.
        reason: Slurm's, for why it waits or how it ended.
        elapsed_seconds: for which it has run.
        nodes: as Slurm writes them: sim[01-02].
        start: when Slurm expects to start a job that waits.
    """

    job_id: str
    state: str
    reason: str | None = None
    elapsed_seconds: int | None = None
    nodes: str | None = None
    start: str | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def succeeded(self) -> bool:
        return self.state == COMPLETED
