"""The limits of accounts and QOS that keep a job waiting, taken apart as Slurm composes them.

A name such as AssocGrpCPURunMinutesLimit says whose limit it is (Assoc, QOS), of what kind (Grp,
Max, Min), of which resource, whether of an amount or of an amount times minutes, and for how much
(PerJob, PerNode, PerUser, PerAccount). Together they say whether the job starts by itself.

Sources: src/common/job_state_reason.c and src/slurmctld/acct_policy.c of Slurm,
https://slurm.schedmd.com/job_reason_codes.html, and sacctmgr(1) for what the limits count.
"""

from __future__ import annotations

import re

from workshop.slurm.queue.outlook import ASK, CANCEL, Outlook, Waiting

_LIMIT = re.compile(
    r"(?P<whose>Assoc|QOS|)(?P<kind>Grp|Max|Min)(?P<what>[A-Z]\w{0,30}?)"
    r"(?P<minutes>(?:Run)?Min(?:ute)?s)?(?P<per>Per(?:Job|Node|User|Account))?"
    r"(?:Limit|NotSatisfied)?"
)
# A resource in the plural, and in front of 'minutes'.
_RESOURCES = {
    "bb": ("burst buffer", "burst buffer"),
    "billing": ("billing units", "billing"),
    "cpu": ("CPUs", "CPU"),
    "energy": ("energy", "energy"),
    "gres": ("GPUs and other GRES", "GPU or other GRES"),
    "license": ("licences", "licence"),
    "mem": ("memory", "memory"),
    "memory": ("memory", "memory"),
    "node": ("nodes", "node"),
    "unknown": ("a resource that Slurm does not name", "resource"),
    "wall": ("wall time", "wall"),
    "wallduration": ("wall time", "wall"),
}
_JOBS = re.compile(r"(?P<submitted>Submit)?Jobs?")
_UNLESS = "unless it alone asks for more than the whole limit"


def limit(reason: str) -> Waiting | None:
    """What a limit's name says of the job that it keeps waiting; None for any other reason.

    The sentence has ``{job}`` in place of the job's number.
    """
    match = _LIMIT.fullmatch(reason)
    if match is None or not (match["whose"] or match["per"]):
        return None
    whose, kind, what, per = match["whose"], match["kind"], match["what"], match["per"]
    plural, adjective = _RESOURCES.get(what.lower(), (what, what))
    minutes = match["minutes"] or ""
    counted = f"{adjective} minutes" if minutes else plural
    detail = f"({counted}: {reason})"
    if kind == "Min":
        return _too_little(detail)
    if what == "WallDuration":
        return _too_much("", detail, "with a shorter --time")
    if per in ("PerJob", "PerNode"):
        where = " on each node" if per == "PerNode" else ""
        less = "with less, or a shorter --time" if minutes else "with less"
        return _too_much(where, detail, less)
    if jobs := _JOBS.fullmatch(what):
        return _too_many_jobs(_group(whose, kind, per), bool(jobs["submitted"]), reason)
    if minutes.startswith("Run"):
        return _minutes_left(_group(whose, kind, per), detail)
    if minutes or (kind == "Grp" and what == "Wall"):
        return _spent(whose, detail)
    return _running(_group(whose, kind, per), detail)


def _group(whose: str, kind: str, per: str | None) -> tuple[str, str, str]:
    """Whose jobs a limit counts together: the subject, its verb, and its jobs."""
    if kind == "Grp":
        members = "all who use its QOS" if whose == "QOS" else "its account"
        return f"your group ({members})", "has", "the group's jobs"
    if per == "PerAccount":
        return "your account, under this QOS,", "has", "the account's jobs"
    return "you", "have", "yours"


def _too_little(detail: str) -> Waiting:
    sentence = f"it asks for less than its QOS wants {detail}: {CANCEL} with more"
    return Waiting(sentence, Outlook.BLOCKED)


def _too_much(where: str, detail: str, with_less: str) -> Waiting:
    return Waiting(
        f"it asks for more than one job may have{where} {detail}: it will not start as it is: "
        f"{CANCEL} {with_less}",
        Outlook.BLOCKED,
    )


def _too_many_jobs(group: tuple[str, str, str], submitted: bool, reason: str) -> Waiting:
    who, has, theirs = group
    where = "in the queue" if submitted else "running"
    return Waiting(
        f"{who} {has} as much {where} as {_pronoun(who)} may have (jobs: {reason}): it starts when "
        f"one of {theirs} ends"
    )


def _running(group: tuple[str, str, str], detail: str) -> Waiting:
    who, has, theirs = group
    return Waiting(
        f"{who} {has} as much running as {_pronoun(who)} may have {detail}: it starts when one of "
        f"{theirs} ends, {_UNLESS}"
    )


def _minutes_left(group: tuple[str, str, str], detail: str) -> Waiting:
    """A limit of what running jobs may still use until their time limits: it falls by itself."""
    who, has, theirs = group
    return Waiting(
        f"{who} {has} as much running as {_pronoun(who)} may have, counted by the time that is left"
        f" {detail}: it starts by itself as {theirs} run and end, {_UNLESS}; a shorter --time lets "
        "it start sooner"
    )


def _spent(whose: str, detail: str) -> Waiting:
    """A budget: what was used before counts, so the end of a running job frees nothing.

    Where the site enforces limits safely, a job also waits that asks for more than what is left.
    """
    owner, option = ("its QOS", "--qos") if whose == "QOS" else ("the account", "--account")
    return Waiting(
        f"{owner} has used up its time, or has less left than the job asks for {detail}, and no "
        f"job's end changes that: {ASK} or your instructor for more, or {CANCEL} with a shorter "
        f"--time or another {option}",
        Outlook.BLOCKED,
    )


def _pronoun(who: str) -> str:
    return "you" if who == "you" else "it"
