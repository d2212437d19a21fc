"""Slurm's words for limits of accounts and QOSs, where sbatch refuses a job because of one.

The words are composed: AssocGrpBillingMinutes, QOSMaxGRESPerUser. Their parts:
https://slurm.schedmd.com/job_reason_codes.html and src/common/slurm_protocol_defs.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workshop.slurm.job.request import Request

# What is limited, alone and before "minutes".
_RESOURCES = {
    "cpu": ("CPU cores", "CPU"),
    "mem": ("memory", "memory"),
    "node": ("nodes", "node"),
    "gres": ("GPUs or other GRES", "GPU (GRES)"),
    "billing": ("billing units", "billing"),
    "bb": ("burst buffer", "burst buffer"),
    "energy": ("energy", "energy"),
    "license": ("licences", "licence"),
    "unknown": ("resources", "resource"),
}
LIMIT = re.compile(
    r"\b(?P<owner>Assoc(?:iation)?|QOS)(?:(?P<kind>Grp|Max|Min)(?P<rest>[A-Za-z]{1,60})"
    r"|(?P<whole>NotAllowed|TimeLimit|ResourceLimit|JobLimit|UsageThreshold))\b"
    r"|\bMax(?P<of_account>[A-Z][A-Za-z]{1,40}PerAccount)\b"  # a QOS's, too
)
_RESOURCE = re.compile("|".join(sorted(_RESOURCES, key=len, reverse=True)), re.IGNORECASE)
_PER = re.compile(r"Per(?P<who>Job|User|Account|Acct|Node)", re.IGNORECASE)
_OF_WHOM = {
    "job": " for one job",
    "node": " on one node",
    "user": " for one user",
    "account": " for one account",
    "acct": " for one account",
}
_WAIT = "wait for one to end, then submit again"
_OVER = ", and this job would exceed that"
_SHORTER = "use a shorter --time, or ask for less"


@dataclass(frozen=True)
class Limit:
    """A limit that a job would exceed.

    Attributes:
        owner: the account, or the QOS, with its name where the job has one.
        option: the option of 'workshop submit' that names another owner.
    """

    owner: str
    option: str


@dataclass(frozen=True)
class RefusedByLimit:
    """Slurm's word for a limit, and a sentence for it."""

    word: str
    sentence: str


def refused_by_limit(text: str, request: Request) -> RefusedByLimit | None:
    """What the first limit that ``text`` names means; None where it names none."""
    match = LIMIT.search(text)
    if match is None:
        return None
    kind = "account" if (match["owner"] or "").startswith("Assoc") else "QOS"
    name = request.account if kind == "account" else request.qos
    limit = Limit(f"the {kind} {name}" if name else f"your {kind}", f"--{kind.lower()}")
    if match["whole"]:
        sentence = _whole(limit, match["whole"], request)
    elif match["of_account"]:
        sentence = _composed(limit, "Max", match["of_account"], request)
    else:
        sentence = _composed(limit, match["kind"], match["rest"], request)
    return RefusedByLimit(match[0], sentence)


def _whole(limit: Limit, word: str, request: Request) -> str:
    if word == "NotAllowed":
        return f"{limit.owner} may not be used here: name another with {limit.option}"
    if word == "TimeLimit":
        return _too_long(limit, request)
    if word == "UsageThreshold":
        return f"{limit.owner} has used too much of its share: wait, or use another {limit.option}"
    return (
        f"{limit.owner} has as much in the queue or running as it may have: wait for a job to end, "
        "or ask for less"
    )


def _composed(limit: Limit, kind: str, rest: str, request: Request) -> str:
    low = rest.lower()
    found = _RESOURCE.search(rest)
    resource, minutes = _RESOURCES[found[0].lower() if found else "unknown"]
    per = _PER.search(rest)
    whom = _OF_WHOM[per["who"].lower()] if per else ""
    if kind == "Min":
        return f"{limit.owner} takes only jobs with more {resource} than this one: ask for more"
    if "submit" in low:
        return f"{limit.owner} takes no more jobs into the queue{whom}: {_WAIT}"
    if low.startswith("jobs"):
        return f"{limit.owner} takes no more jobs at the same time{whom}: {_WAIT}"
    if "runmin" in low:
        return f"{limit.owner} limits the {minutes} minutes of all running jobs{_OVER}: {_SHORTER}"
    if "min" in low and whom:
        return f"{limit.owner} limits the {minutes} minutes{whom}{_OVER}: {_SHORTER}"
    if "min" in low:
        return _used_up(limit, f"{minutes} minutes")
    if "wall" in low:
        return _too_long(limit, request) if kind == "Max" else _used_up(limit, "wall time")
    return f"{limit.owner} limits {resource}{whom}{_OVER}: ask for less"


def _used_up(limit: Limit, what: str) -> str:
    return (
        f"{limit.owner} has used up its budget of {what}, or has too little left for this job: use "
        f"another {limit.option}, ask for less, or ask your instructor for more"
    )


def _too_long(limit: Limit, request: Request) -> str:
    return f"{limit.owner} allows less time than {request.time_limit}: use a shorter --time"
