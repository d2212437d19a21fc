"""How a job stands, and how it ended, in a participant's words."""

from __future__ import annotations

import re

from workshop.slurm.queue.jobstate import (
    ANOTHERS,
    COMPLETED,
    GONE,
    HELD_WITHOUT_RESERVATION,
    NO_ANSWER,
    NOT_SHOWN,
    REVOKED,
    UNKNOWN,
    UNREADABLE,
    JobState,
)
from workshop.slurm.queue.outlook import ASK, Outlook, Waiting
from workshop.slurm.queue.waiting import meaning_of

_EXPECTED = ("Priority", "Resources", "Reservation", "BeginTime", "Dependency")
_OF_A_RESERVATION = re.compile(r"Reservation(?:Deleted|Invalid| .+ (?:was deleted|is invalid))")
_NO_LOG = re.compile(r"RaisedSignal:53\b.*|JobLaunchFailure")  # as versions of Slurm spell it

# States of a job that has its nodes, or still has them.
_WITH_NODES = {
    "RUNNING": "running",
    "CONFIGURING": "its nodes are being started: the job begins when they are up",
    "POWER_UP_NODE": "its nodes are being started: the job begins when they are up",
    "SUSPENDED": (
        "suspended, by Slurm for a job of higher priority or by an administrator: it goes on from "
        "where it was when that resumes it"
    ),
    "STOPPED": (
        "stopped by a signal (SIGSTOP), while its time runs on: 'scancel --signal=CONT {job}' lets "
        "it go on"
    ),
    "SIGNALING": "running, and Slurm is sending it a signal",
    "RESIZING": "running, and Slurm is changing its size",
    "UPDATE_DB": "running, and Slurm is updating its accounting record",
    "COMPLETING": "its run is over, and Slurm is cleaning up on its nodes",
    "STAGE_OUT": "its run is over, and its files are being copied from the burst buffer",
}

# Why it is not known how a job stands.
_NOT_KNOWN = {
    NO_ANSWER: "Slurm does not answer: the job goes on without it",
    NOT_SHOWN: "Slurm does not show the job at the moment: 'scontrol show job {job}' tells more",
    UNREADABLE: "Slurm's answer cannot be read: 'scontrol show job {job}' tells more",
}


def standing(state: JobState) -> tuple[str, Outlook | None]:
    """How a job stands that has not ended: a sentence, and what its start takes if it waits."""
    if state.waits:
        waiting = _waiting(state)
        return waiting.sentence, waiting.outlook
    if state.state == "RUNNING" and state.reason == "Prolog":
        return "its nodes are being prepared", None
    if state.state == UNKNOWN and state.reason in _NOT_KNOWN:
        return _NOT_KNOWN[state.reason].replace("{job}", state.job_id), None
    unknown = f"Slurm says {_plain(state.state)}: 'scontrol show job {{job}}' tells more"
    return _WITH_NODES.get(state.state, unknown).replace("{job}", state.job_id), None


def why_pending(state: JobState) -> str:
    """Why a job waits, and what to do where something can be done."""
    return _waiting(state).sentence


def _waiting(state: JobState) -> Waiting:
    reason = (state.reason or "None").strip("()")
    if state.state == HELD_WITHOUT_RESERVATION and not _OF_A_RESERVATION.fullmatch(reason):
        reason = "ReservationDeleted"  # which a restarted controller may have forgotten
    if state.state == "EXPEDITING" and reason == "None":
        return Waiting(
            "it goes back into the queue before all others, and starts as soon as its nodes are "
            "clean"
        )
    waiting = meaning_of(reason)
    if waiting is None:
        unknown = f"Slurm says {_plain(reason)!r}: 'scontrol show job {state.job_id}' tells more"
        return Waiting(unknown)
    sentence = waiting.sentence.replace("{job}", state.job_id)
    sentence = sentence.replace("{reason}", _plain(reason))
    if state.start and reason in _EXPECTED:
        sentence = f"{sentence}; expected at {state.start.replace('T', ' ')}"
    return Waiting(sentence, waiting.outlook)


def _plain(text: str) -> str:
    return "".join(char for char in text[:100] if char.isprintable())


_READ = "read the end of its log"
OUTCOMES: dict[str, tuple[str, str | None]] = {
    COMPLETED: ("the job completed", None),
    "TIMEOUT": ("the job reached its time limit", "ask for more time: --time 01:00:00"),
    "CANCELLED": ("the job was cancelled (scancel)", "submit it again if that was not intended"),
    "FAILED": ("the job's script ended with an error", _READ),
    "NODE_FAIL": ("a node of the job failed", "submit it again"),
    "OUT_OF_MEMORY": (
        "the job needed more of the node's memory than it had asked for",
        "ask Slurm for more memory: --set mem=32G, or take a smaller model",
    ),
    "PREEMPTED": (
        "the job was preempted: a job of higher priority needed its nodes",
        "submit it again",
    ),
    "BOOT_FAIL": ("the job's nodes did not start", f"submit it again; if it lasts, {ASK}"),
    "LAUNCH_FAILED": ("the job could not be started on its nodes", "submit it again"),
    "RECONFIG_FAIL": ("the job's nodes could not be set up", f"submit it again, or {ASK}"),
    "DEADLINE": (
        "the job could not end before its deadline",
        "submit it again with a shorter --time",
    ),
    REVOKED: ("another cluster of the federation runs the job", None),
    GONE: (
        "Slurm does not know the job any more: it ended some time ago, or was another cluster's",
        "its log, if there is one, tells how it ended",
    ),
}


def outcome(state: JobState) -> tuple[str, str | None]:
    """How a job ended, from Slurm's view alone: a sentence, and what to do next."""
    reason = state.reason or ""
    if state.state == GONE and reason == ANOTHERS:
        return (
            f"Slurm's job {state.job_id} is another one now: this one ended some time ago, or was "
            "another cluster's",
            OUTCOMES[GONE][1],
        )
    if state.state == "CANCELLED" and reason == "DependencyNeverSatisfied":
        return (
            "the job was cancelled, because one that it depended on had failed",
            "fix that one, and submit both again",
        )
    if state.state == "FAILED" and _NO_LOG.fullmatch(reason):
        return (
            "the job could not open its log: the directory is missing, or may not be written to",
            "make the directory where the nodes see it, or choose another with --output-dir",
        )
    if state.state == "NODE_FAIL" and state.nodes:
        one = re.fullmatch(r"[\w.-]+", state.nodes)
        sentence = f"the node {state.nodes} failed" if one else f"one of {state.nodes} failed"
        return (
            sentence,
            f"submit it again with --exclude {state.nodes}" if one else "submit it again",
        )
    return OUTCOMES.get(state.state, (f"the job is {state.state}, as Slurm says", None))
