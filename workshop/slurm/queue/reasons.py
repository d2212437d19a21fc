"""Slurm's words for why a job waits and how it ended, in a participant's words.

What the codes mean: https://slurm.schedmd.com/job_reason_codes.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workshop.slurm.queue.jobstate import COMPLETED, GONE, JobState


@dataclass(frozen=True)
class Meaning:
    """A reason code and its meaning; what is to be done, if anything, is part of the sentence."""

    pattern: str
    sentence: str


_ASK = "ask the cluster's support"
_CANCEL = "'workshop cancel {job}', and submit it again"
_TOO_MUCH = f"it will not start as it is: {_CANCEL} with less"

WAITS = (
    Meaning(r"Priority", "others are before it in the queue: it starts when its turn comes"),
    Meaning(r"Resources", "it is next, and waits for nodes or GPUs to become free"),
    Meaning(
        r"Reservation",
        "its reservation has not begun, or is full: see 'scontrol show reservation', or "
        f"{_CANCEL} without --reservation",
    ),
    Meaning(
        r"ReservationDeleted",
        f"its reservation is not there any more: {_CANCEL} without --reservation",
    ),
    Meaning(r"Dependency", "it waits for another job to end"),
    Meaning(
        r"DependencyNeverSatisfied",
        "it waits for a job that has failed, and will never start: fix that one, cancel this "
        "one, and submit both again",
    ),
    Meaning(
        r"PartitionTimeLimit",
        f"it asks for more time than its partition gives: {_CANCEL} with a shorter --time",
    ),
    Meaning(
        r"Partition(?:NodeLimit|M(?:in|ax)Nodes|Config)",
        "its partition does not give that many nodes, or its nodes are down: 'sinfo' shows them; "
        f"{_CANCEL} with other --nodes or another --partition",
    ),
    Meaning(
        r"Partition(?:Down|Inactive)",
        "its partition takes no jobs at the moment: wait, or use another --partition ('sinfo')",
    ),
    Meaning(r"BeginTime", "it is not to start before a certain time; after a requeue, two minutes"),
    Meaning(r"JobHeldUser", "you have held it: release it with 'scontrol release {job}'"),
    Meaning(r"JobHeldAdmin", f"an administrator holds it: {_ASK}"),
    Meaning(r"JobArrayTaskLimit", "as many tasks of its array run as may run at a time"),
    Meaning(
        r"AssocGrp.*(?:Minutes|Unknown).*",
        f"the account has used up its time: {_ASK} or your instructor, or use another --account",
    ),
    Meaning(
        r"(?:AssocMax|QOSMax|Max).*(?:PerJob|PerNode|WallDuration).*|MaxMemPerLimit",
        f"it asks for more than one job may have ({{reason}}): {_TOO_MUCH}",
    ),
    Meaning(r"QOSMin.*", f"it asks for less than its QOS wants ({{reason}}): {_CANCEL} with more"),
    Meaning(
        r"QOSMax.*|AssocMax.*|Max.*Per(?:Account|User).*|QOSJobLimit|AssociationJobLimit",
        "you have as much running as you may have ({reason}): it starts when one of yours ends",
    ),
    Meaning(
        r"(?:QOSGrp|AssocGrp).*|(?:QOS|Association)(?:Resource|Time)Limit|QOSUsageThreshold"
        r"|AccountingPolicy",
        "your group has as much running as it may have ({reason}): it starts when something of "
        "the group's ends",
    ),
    Meaning(
        r"InvalidAccount|AccountNotAllowed",
        f"its account may not be used here: {_CANCEL} with another --account",
    ),
    Meaning(
        r"InvalidQOS|QOSNotAllowed", f"its QOS may not be used here: {_CANCEL} with another --qos"
    ),
    Meaning(r"Licenses", "it waits for a licence of a program to become free"),
    Meaning(
        r"NodeDown", "a node that it needs is down: wait, or submit it again without naming nodes"
    ),
    Meaning(
        r"BadConstraints",
        f"no node can give what it asks for: {_CANCEL} with another --constraint, fewer GPUs, or "
        "less memory",
    ),
    Meaning(
        r"launch failed requeued held|JobHoldMaxRequeue|MaxRequeue.*|JobLaunchFailure",
        "it could not be started on its node, and is held: try 'scontrol release {job}'; if that "
        f"fails too, {_ASK}",
    ),
    Meaning(
        r"job requeued in (?:special exit state|held state).*",
        "it was requeued, and is held: release it with 'scontrol release {job}'",
    ),
    Meaning(
        r"Prolog|Cleaning|NodeConfiguring|WaitingForScheduling", "its nodes are being prepared"
    ),
    Meaning(r"SchedDefer|None", "Slurm has not looked at it yet: wait a minute"),
    Meaning(
        r"Power.*|FrontEndDown|BurstBuffer.*|SystemFailure",
        f"the cluster has a problem ({{reason}}): {_ASK}",
    ),
)

_EXPECTED = ("Priority", "Resources", "Reservation", "BeginTime", "Dependency")
_AWAY = re.compile(r"ReqNodeNotAvail(?:,|\b).*?(?:UnavailableNodes:(?P<nodes>[^)\s]*))?\)?")
_RESERVED = re.compile(r"ReqNodeNotAvail, ?(?:May be r|R)eserved.*")
_NO_LOG = re.compile(r"RaisedSignal:53\b.*|JobLaunchFailure")  # as versions of Slurm spell it


def why_pending(state: JobState) -> str:
    """Why a job waits, and what to do where something can be done."""
    reason = (state.reason or "None").strip("()")
    if _RESERVED.fullmatch(reason):
        sentence = "the nodes it needs are reserved, or will be before it could finish: a shorter "
        return sentence + "--time may fit in before that"
    if match := _AWAY.fullmatch(reason):
        nodes = f" ({match['nodes']})" if match["nodes"] else ""
        sentence = (
            f"nodes that it needs are down, drained or reserved{nodes}: wait, or submit it again"
        )
        return sentence + " without naming nodes"
    for meaning in WAITS:
        if re.fullmatch(meaning.pattern, reason):
            sentence = meaning.sentence.format(reason=reason, job=state.job_id)
            when = state.start.replace("T", " ") if state.start else None
            return f"{sentence}; expected at {when}" if when and reason in _EXPECTED else sentence
    return f"Slurm says {_plain(reason)!r}: 'scontrol show job {state.job_id}' tells more"


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
    "BOOT_FAIL": ("the job's nodes did not start", f"submit it again; if it lasts, {_ASK}"),
    "LAUNCH_FAILED": ("the job could not be started on its nodes", "submit it again"),
    "RECONFIG_FAIL": ("the job's nodes could not be set up", f"submit it again, or {_ASK}"),
    "DEADLINE": (
        "the job could not end before its deadline",
        "submit it again with a shorter --time",
    ),
    "REVOKED": ("another cluster of the federation runs the job", None),
    GONE: (
        "Slurm does not know the job any more: it ended some time ago, or was another cluster's",
        "its log, if there is one, tells how it ended",
    ),
}


def outcome(state: JobState) -> tuple[str, str | None]:
    """How a job ended, from Slurm's view alone: a sentence, and what to do next."""
    reason = state.reason or ""
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
