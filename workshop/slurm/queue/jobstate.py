"""One job as Slurm sees it, and the names that Slurm has for its states.

Source: job_state_string() of src/common/slurm_protocol_defs.c, and
https://slurm.schedmd.com/job_state_codes.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GONE = "GONE"  # our own: Slurm does not know the job any more
UNKNOWN = "UNKNOWN"  # our own: whether the job goes on cannot be told
REVOKED = "REVOKED"  # another cluster of the federation runs the job
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
        REVOKED,
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
    REVOKED,
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
# Of a job that has not ended.
LIVE = WAITING | AGAIN | {
    "RUNNING", "SUSPENDED", "COMPLETING", "STAGE_OUT", "CONFIGURING", "POWER_UP_NODE", "RESIZING",
    "STOPPED", "SIGNALING",
}  # fmt: skip
_NAMES = (ENDED - {GONE}) | LIVE | {"UPDATE_DB"}
# job_state_string_compact() of the same file.
_COMPACT = {
    "BF": "BOOT_FAIL", "CA": "CANCELLED", "CD": COMPLETED, "CF": "CONFIGURING",
    "CG": "COMPLETING", "DL": "DEADLINE", "F": "FAILED", "NF": "NODE_FAIL",
    "OOM": "OUT_OF_MEMORY", "PD": PENDING, "PR": "PREEMPTED", "R": "RUNNING",
    "RD": HELD_WITHOUT_RESERVATION, "RF": "REQUEUE_FED", "RH": "REQUEUE_HOLD", "RQ": "REQUEUED",
    "RS": "RESIZING", "RV": REVOKED, "S": "SUSPENDED", "SE": "SPECIAL_EXIT", "SI": "SIGNALING",
    "SO": "STAGE_OUT", "ST": "STOPPED", "TO": "TIMEOUT",
}  # fmt: skip

# Reasons of our own for UNKNOWN and GONE.
UNREADABLE = "Unreadable"
NO_ANSWER = "NoAnswer"
NOT_SHOWN = "NotShown"
ANOTHERS = "AnothersNumber"


@dataclass(frozen=True)
class JobState:
    """How a job stands.

    Attributes:
        job_id: '123', or '123_4' for a task of an array.
        state: Slurm's long name for it, GONE, or UNKNOWN.
        reason: Slurm's, for why it waits or how it ended.
        elapsed_seconds: for which it has run.
        nodes: as Slurm writes them: sim[01-02].
        start: when Slurm expects to start a job that waits.
        label: whose it is and what it is called, as 'user|name' (a name may hold a '|'); None
            where Slurm was not asked.
    """

    job_id: str
    state: str
    reason: str | None = None
    elapsed_seconds: int | None = None
    nodes: str | None = None
    start: str | None = None
    label: str | None = None

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
    """The most telling of Slurm's names for a state, in capitals; UNKNOWN where there is none.

    squeue and sacct print one name, sacct with more words behind it: 'CANCELLED by 1000'. Slurm's
    own messages print all flags, with ',' or '+' between them: 'PENDING,REQUEUED' is REQUEUED. A
    name that a column was too narrow for ends in '+': 'OUT_OF_ME+' is OUT_OF_MEMORY.
    """
    word = next(iter(text.upper().split()), "")
    parts = [part for part in re.split(r"[,+]", word) if part]
    names = [_COMPACT.get(part, part) for part in parts]
    if names and word.endswith("+"):
        names[-1] = _whole(names[-1])
    flag = next((flag for flag in _FLAGS if flag in names), None)
    return flag or next(iter(names), UNKNOWN)


def _whole(beginning: str) -> str:
    """The only name that begins so; the beginning itself where there is none, or more than one."""
    if beginning in _NAMES:
        return beginning
    fitting = [name for name in _NAMES if name.startswith(beginning)]
    return fitting[0] if len(fitting) == 1 else beginning
