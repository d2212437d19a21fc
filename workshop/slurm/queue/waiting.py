"""Why a job waits: the reasons that squeue prints (%r), in a participant's words.

squeue prints a reason's name, or a sentence of slurmctld's own in its place. Sources:
src/common/job_state_reason.c and src/slurmctld of Slurm (state_desc),
https://slurm.schedmd.com/job_reason_codes.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workshop.slurm.queue.limits import limit
from workshop.slurm.queue.outlook import ASK, CANCEL, Outlook, Waiting

_RELEASE = "'scontrol release {job}'"


@dataclass(frozen=True)
class Meaning:
    """A reason and its meaning; what is to be done, if anything, is part of the sentence.

    Attributes:
        pattern: the whole reason.
        sentence: ``{job}`` is the job's number, ``{reason}`` what Slurm printed.
    """

    pattern: str
    sentence: str


# Slurm does not look at these jobs again before somebody gives a command.
_HELD = (
    Meaning(
        r"Reservation(?:Deleted| .+ was deleted)",
        "its reservation is over, or not there any more, and Slurm holds the job: "
        f"{_RELEASE} lets it run in the ordinary queue, or {CANCEL} without --reservation",
    ),
    Meaning(
        r"Reservation(?:Invalid| .+ is invalid)",
        f"its reservation cannot be used any more, and Slurm holds the job: {CANCEL} without "
        "--reservation",
    ),
    Meaning(
        r"DependencyNeverSatisfied",
        "it waits for a job that has failed, and will never start: fix that one, cancel this "
        "one, and submit both again",
    ),
    Meaning(r"JobHeldUser", f"you have held it: release it with {_RELEASE}"),
    Meaning(r"JobHeldAdmin", f"an administrator or a rule of the cluster holds it: {ASK}"),
    Meaning(
        r"BadConstraints",
        f"no node can give what it asks for, and Slurm holds it: {CANCEL} with another "
        "--constraint, fewer GPUs, or less memory",
    ),
    Meaning(
        r"launch failed requeued held",
        f"it could not be started on its node, and is held: try {_RELEASE}; if that fails too, "
        f"{ASK}",
    ),
    Meaning(
        r"JobHoldMaxRequeue|launch failure limit exceeded requeued held|MaxRequeue.*",
        f"it could not be started several times, and is held: {CANCEL}; if that fails too, {ASK}",
    ),
    Meaning(
        r".* failed requeued held",
        f"it could not be started ({{reason}}): {_RELEASE} tries again; if that fails too, {ASK}",
    ),
    Meaning(
        r"job requeued in (?:special exit state|held state).*",
        f"it was requeued, and is held: release it with {_RELEASE}",
    ),
    Meaning(
        r"BurstBufferOperation|burst_buffer/\S+: JobHeldAdmin: .*|Burst buffer pre_run error",
        f"the burst buffer failed, and Slurm holds the job ({{reason}}): {ASK}",
    ),
)

_BLOCKED = (
    Meaning(
        r"PartitionTimeLimit",
        f"it asks for more time than its partition gives: {CANCEL} with a shorter --time",
    ),
    Meaning(
        r"Partition(?:NodeLimit|M(?:in|ax)Nodes)",
        "its partition does not give that many nodes, or its nodes are down: 'sinfo' shows them; "
        f"{CANCEL} with other --nodes or another --partition",
    ),
    Meaning(
        r"PartitionConfig",
        "its partition does not take such a job: 'scontrol show partition' shows its limits; "
        f"{CANCEL} with another --partition",
    ),
    Meaning(
        r"Partition(?:Down|Inactive)",
        "its partition takes no jobs at the moment: wait, or use another --partition ('sinfo')",
    ),
    Meaning(
        r"MaxMemPerLimit",
        "it asks for more memory than one job may have for each CPU or node ({reason}): it will "
        f"not start as it is: {CANCEL} with less",
    ),
    Meaning(
        r"(?:QOS|Association)TimeLimit",
        f"the account or its QOS has used up its time ({{reason}}): {ASK} or your instructor, or "
        "use another --account or --qos",
    ),
    Meaning(
        r"QOSUsageThreshold",
        "your group has used more of the cluster than its QOS allows ('sshare' shows it): it "
        f"starts when that share has recovered, or {CANCEL} with another --qos",
    ),
    Meaning(
        r"InvalidAccount|AccountNotAllowed",
        f"its account may not be used here: {CANCEL} with another --account",
    ),
    Meaning(
        r"uid \d+ not in group permitted to use this partition.*",
        f"you may not use its partition: {CANCEL} with another --partition",
    ),
    Meaning(
        r"InvalidQOS|QOSNotAllowed", f"its QOS may not be used here: {CANCEL} with another --qos"
    ),
    Meaning(
        r"DeadLine",
        f"it cannot end before its deadline: {CANCEL} with a shorter --time or without a deadline",
    ),
    Meaning(
        r"Power(?:Not.*|Reserved)|FrontEndDown|SystemFailure|burst_buffer/.*",
        f"the cluster has a problem ({{reason}}): {ASK}",
    ),
)

_WAITS = (
    Meaning(r"Priority", "others are before it in the queue: it starts when its turn comes"),
    Meaning(r"Resources", "it is next, and waits for nodes or GPUs to become free"),
    Meaning(
        r"Reservation",
        "its reservation has not begun, or is full: see 'scontrol show reservation', or "
        f"{CANCEL} without --reservation",
    ),
    Meaning(r"Dependency", "it waits for another job to end"),
    Meaning(r"BeginTime", "it is not to start before a certain time; after a requeue, two minutes"),
    Meaning(r"JobArrayTaskLimit", "as many tasks of its array run as may run at a time"),
    Meaning(
        r"QOSJobLimit|AssociationJobLimit",
        "you have as much running as you may have ({reason}): it starts when one of yours ends",
    ),
    Meaning(
        r"(?:QOS|Association)ResourceLimit",
        "your group has as much running as it may have ({reason}): it starts when one of the "
        "group's jobs ends, unless it alone asks for more than the whole limit",
    ),
    Meaning(
        r"AccountingPolicy",
        "a limit of your account or its QOS keeps it waiting ({reason}): it starts when jobs of "
        f"the account end, or never if it asks for more than the limit; {ASK} which it is",
    ),
    Meaning(r"Licenses", "it waits for a licence of a program to become free"),
    Meaning(
        r"MpiPortsBusy",
        "the nodes that it would get have no free network ports for its steps ({reason}): it "
        "starts when jobs there end",
    ),
    Meaning(
        r"MaxPoweredUpNodes",
        "as many nodes of the cluster are switched on as may be ({reason}): it starts when some "
        "become free",
    ),
    Meaning(
        r"NvidiaImexChannels",
        "other jobs use all channels between the nodes' GPUs ({reason}): it starts when one ends",
    ),
    Meaning(
        r"Constraints",
        "no node has all that it asks for at the moment ({reason}): it starts when one has, or "
        f"{CANCEL} with another --constraint",
    ),
    Meaning(
        r"Nodes required for job are DOWN.*",
        "nodes that it needs are down, drained or kept for jobs of partitions with a higher "
        "priority: wait, or use another --partition ('sinfo')",
    ),
    Meaning(
        r"NodeDown", "a node that it needs is down: wait, or submit it again without naming nodes"
    ),
    Meaning(
        r"BurstBufferResources", "it waits for room in the burst buffer, which other jobs fill"
    ),
    Meaning(
        r"BurstBuffer.*",
        f"its files are on their way into the burst buffer: wait, and if that lasts, {ASK}",
    ),
    Meaning(r"FedJobLock", "the clusters of the federation settle which of them runs it"),
    Meaning(r"Prolog|NodeConfiguring|WaitingForScheduling", "its nodes are being prepared"),
    Meaning(r"Cleaning", "its last run is being cleaned up: it starts again after that"),
    Meaning(
        r"JobLaunchFailure",
        f"its last start on a node failed, and it is to be started again: if that lasts, {ASK}",
    ),
    Meaning(
        r"NonZeroExitCode|RaisedSignal.*|OutOfMemory|TimeLimit|InactiveLimit",
        "its last run ended ({reason}), and it is to run again: its log tells of that run",
    ),
    Meaning(r"SchedDefer|None", "Slurm has not looked at it yet: wait a minute"),
)

_MEANINGS = tuple(
    (re.compile(meaning.pattern), Waiting(meaning.sentence, outlook))
    for meanings, outlook in (
        (_HELD, Outlook.HELD),
        (_BLOCKED, Outlook.BLOCKED),
        (_WAITS, Outlook.WAITS),
    )
    for meaning in meanings
)

_AWAY = re.compile(r"ReqNodeNotAvail(?:,|\b).*?(?:UnavailableNodes:(?P<nodes>[^)\s]*))?\)?")
_RESERVED = re.compile(r"ReqNodeNotAvail, ?(?:May be r|R)eserved.*")


_LONGEST = 1000  # characters of a reason that are looked at


def meaning_of(reason: str) -> Waiting | None:
    """What a reason of Slurm's says of a job that waits; None where it is not known.

    The sentence has ``{job}`` and ``{reason}`` in place of the job's number and of the reason.
    """
    reason = reason[:_LONGEST]
    if _RESERVED.fullmatch(reason):
        return Waiting(
            "the nodes it needs are reserved, or will be before it could finish: a shorter --time "
            "may fit in before that"
        )
    if match := _AWAY.fullmatch(reason):
        nodes = f" ({match['nodes']})" if match["nodes"] else ""
        return Waiting(
            f"nodes that it needs are down, drained or reserved{nodes}: wait, or submit it again "
            "without naming nodes"
        )
    for pattern, waiting in _MEANINGS:
        if pattern.fullmatch(reason):
            return waiting
    return limit(reason)
