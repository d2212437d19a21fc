"""One job as Slurm sees it, and the names that Slurm has for its states.

Source: job_state_string() of src/common/slurm_protocol_defs.c, and
https://slurm.schedmd.com/job_state_codes.html
"""

from __future__ import annotations

from dataclasses import dataclass

GONE = "GONE"  # our own: Slurm does not know the job any more
COMPLETED = "COMPLETED"
PENDING = "PENDING"
HELD_WITHOUT_RESERVATION = "RESV_DEL_HOLD"
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
# Between two runs of a job, which its next run will leave.
AGAIN = frozenset({"REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"})
WAITING = frozenset({PENDING, HELD_WITHOUT_RESERVATION, "EXPEDITING"})
# What tells more than the state that it is added to, the most telling first. The flags
# LAUNCH_FAILED, RECONFIG_FAIL and UPDATE_DB tell less than the state.
_FLAGS = (
    "REVOKED",
    "REQUEUE_HOLD",
    "SPECIAL_EXIT",
    HELD_WITHOUT_RESERVATION,
    "REQUEUED",
    "REQUEUE_FED",
    "EXPEDITING",
    "COMPLETING",
    "STAGE_OUT",
    "CONFIGURING",
    "POWER_UP_NODE",
    "RESIZING",
    "STOPPED",
    "SIGNALING",
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

    @property
    def waits(self) -> bool:
        """Whether it has no nodes yet, or no longer those of an earlier run."""
        return self.state in WAITING


def one_name(text: str) -> str:
    """The most telling of Slurm's names for a state.

    squeue and sacct print one name, sacct with more words behind it: 'CANCELLED by 1000'. Slurm's
    own messages print all flags: 'PENDING,REQUEUED' is REQUEUED.
    """
    words = text.split()
    names = [name.rstrip("+") for name in words[0].split(",")] if words else []
    flag = next((flag for flag in _FLAGS if flag in names), None)
    return flag or next(filter(None, names), "UNKNOWN")
