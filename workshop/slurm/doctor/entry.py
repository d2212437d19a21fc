"""Who may use a partition: reservations, submit hosts, accounts, QOS."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from workshop.slurm.doctor.finding import Finding, another, listed
from workshop.slurm.facts.access import User
from workshop.slurm.facts.inventory import Partition
from workshop.slurm.job.request import Request

WHY = "Slurm refuses a job that may not use its partition"


def about_entry(
    request: Request, partition: Partition, others: Sequence[str], user: User | None
) -> list[Finding]:
    """Why the job may not use the partition; nothing where it may.

    Args:
        others: partitions to name instead.
        user: None where it was not looked up what is theirs.
    """
    return [
        *about_reserved_only(request, partition, others),
        *about_hosts(partition, user),
        *about_groups(partition, others, user),
        *about_accounts(request, partition, user),
        *about_qos(request, partition, others, user),
    ]


def about_reserved_only(
    request: Request, partition: Partition, others: Sequence[str]
) -> list[Finding]:
    if not partition.reserved_only or request.reservation:
        return []
    what = f"the partition {partition.name} takes only jobs that use a reservation"
    todo = f"add --reservation, or {another('--partition', others)}"
    return [Finding("problem", what, WHY, todo)]


def about_hosts(partition: Partition, user: User | None) -> list[Finding]:
    host = platform.node().partition(".")[0]
    here = user or User("", (), host=host)
    if here.from_here(partition):
        return []
    what = (
        f"the partition {partition.name} takes jobs that are submitted on {partition.hosts}, and "
        f"this is {here.host}"
    )
    return [
        Finding("doubt", what, WHY, "log in there and submit again, or use another --partition")
    ]


def about_groups(partition: Partition, others: Sequence[str], user: User | None) -> list[Finding]:
    if user is None or user.in_groups(partition):
        return []
    what = (
        f"the partition {partition.name} is for the groups {listed(partition.groups or ())}, and "
        "you are in none of them"
    )
    return [Finding("doubt", what, WHY, another("--partition", others))]


def about_accounts(request: Request, partition: Partition, user: User | None) -> list[Finding]:
    account = request.account or (user.default if user else None)
    me = user or User("", ())
    if account is None or me.account_may_use(account, partition):
        return []
    name = partition.name
    mine = [one for one, _ in user.accounts] if user else []
    fit = [one for one in dict.fromkeys(mine) if me.account_may_use(one, partition)]
    fit = fit or list(partition.accounts or ())
    what = f"the partition {name} is not for the account {account}"
    if partition.accounts is not None:
        what += f" (it is for {listed(partition.accounts)})"
    todo = another("--account", fit) if fit else "use another --account, or another --partition"
    return [Finding("doubt", what, WHY, todo)]


def about_qos(
    request: Request, partition: Partition, others: Sequence[str], user: User | None
) -> list[Finding]:
    """Whether the partition takes the job's QOS; without --qos, that is the account's default."""
    if partition.job_qos is None and not partition.refused_qos:
        return []
    account = request.account or (user.default if user else None)
    mine = user.qos_of(account) if user else ()
    fit = tuple(filter(partition.takes_qos, mine or partition.job_qos or ()))
    asked = request.qos or (user.default_qos(account) if user else "")
    if any(map(partition.takes_qos, filter(None, asked.split(",")))):
        return []
    if not asked and partition.job_qos is None and (fit or not mine):
        return []  # the default, which is not known, may be any other
    rule = (
        f"takes only jobs of the QOS {listed(partition.job_qos)}"
        if partition.job_qos is not None
        else f"takes no jobs of the QOS {listed(partition.refused_qos)}"
    )
    if mine and not fit:
        what = f"the partition {partition.name} {rule}, and yours are {listed(mine)}"
        return [Finding("problem", what, WHY, another("--partition", others))]
    has = f"has {asked}" if asked else "names none"
    what = f"the partition {partition.name} {rule}, and this job {has}"
    todo = another("--qos", fit) if fit else "use another --qos, or another --partition"
    return [Finding("doubt", what, WHY, todo)]
