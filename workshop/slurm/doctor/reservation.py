"""The reservation: is it there, active, mine, and large and long enough?"""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Sequence

from workshop.slurm.doctor.finding import Finding, another, counted, listed, up_to
from workshop.slurm.doctor.partition import chosen, limits
from workshop.slurm.facts import hostlist, inventory
from workshop.slurm.facts.access import User, permits
from workshop.slurm.facts.ask import NoAnswerError, ask
from workshop.slurm.facts.inventory import Partition, Reservation
from workshop.slurm.job.request import Request
from workshop.util.near import close
from workshop.util.user import user

WHY = "without it, the job waits in the queue with everybody's"
ORDINARY = "leave it out (--reservation '') to wait in the ordinary queue"


def reservations() -> list[Reservation] | None:
    """All that we may see; None where Slurm does not answer, or answers with nothing."""
    try:
        return inventory.all_reservations(ask(["scontrol", "--oneliner", "show", "reservation"]))
    except NoAnswerError:
        return None


def not_shown(request: Request) -> Finding:
    """Slurm does not say which reservations there are."""
    return Finding(
        "doubt",
        f"Slurm does not show its reservations, so that nothing is known of {request.reservation}",
        "Slurm refuses a job whose reservation it does not have",
        "see what 'scontrol show reservation' prints, and ask your instructor if it is refused",
    )


def about_reservation(
    request: Request,
    there: Sequence[Reservation] | None,
    partitions: Sequence[Partition] = (),
    me: User | None = None,
) -> list[Finding]:
    """Whether the job will ever start in its reservation, or in one of several.

    Args:
        there: all that Slurm shows; None where it does not answer.
        partitions: all that Slurm shows.
        me: None where it was not looked up what is theirs.
    """
    wanted = named(request.reservation or "")
    if there is None or not wanted:
        return []
    by_name = {one.name: one for one in there}
    findings = [missing(name, list(by_name)) for name in wanted if name not in by_name]
    found = [by_name[name] for name in wanted if name in by_name]
    # Slurm refuses a job that may not use one of them, and starts it in any that it fits into.
    owners = [about_owner(request, one, me) for one in found]
    findings += [finding for some in owners for finding in some]
    unfit = [about_fit(request, one, partitions, me) for one in found]
    if unfit and all(unfit) and not any(one.level == "problem" for one in findings):
        findings += unfit[0]
    each = "reservation" if len(wanted) == 1 else "reservations"
    be = "is active, and yours" if len(wanted) == 1 else "are active, and yours"
    return findings or [Finding("ok", f"the {each} {', '.join(wanted)} {be}", WHY)]


def named(reservation: str) -> list[str]:
    """The names in a value of --reservation, which may be several."""
    return [name for name in dict.fromkeys(reservation.split(",")) if name]


def missing(name: str, names: Sequence[str]) -> Finding:
    seen = f"you can see {listed(names)}" if names else "you can see none"
    return Finding(
        "problem",
        f"there is no reservation {name!r}, or it is over{close(name, names)}",
        "Slurm refuses a job whose reservation it does not have",
        f"{seen}; to wait in the ordinary queue, leave it out (--reservation '')",
        refused=True,
    )


def about_owner(
    request: Request, reservation: Reservation, me: User | None = None
) -> list[Finding]:
    """Whether it names me, my account or a group of mine; one that names nobody is for all."""
    name = reservation.name
    if "TIME_FLOAT" in reservation.flags:
        what = f"the reservation {name} keeps moving into the future (Flags=TIME_FLOAT)"
        return [Finding("problem", what, "Slurm refuses jobs that name it", ORDINARY)]
    # The account of a job that names none is for Slurm to work out.
    account = request.account or (me.default if me else None)
    billed = (me.names_of(account) if me else (account,)) if account else None
    lists: tuple[tuple[str, tuple[str, ...], Sequence[str] | None], ...] = (
        ("users", reservation.users, [user()]),
        ("accounts", reservation.accounts, billed),
        ("groups", reservation.groups, my_groups()),
        ("QOS", reservation.qos, request.qos.split(",") if request.qos else None),
    )
    barred = [mine is not None and not permits(names, mine) for _, names, mine in lists]
    if not any(barred):
        return []
    shut_out = [
        f"the {what} {listed(shut)}"
        for what, names, mine in lists
        if (shut := [one[1:] for one in names if one.startswith("-") and one[1:] in (mine or ())])
    ]
    if shut_out:
        what = f"the reservation {name} excludes {' and '.join(shut_out)}"
        return [Finding("doubt", what, WHY, when_excluded(reservation, lists))]
    parts = [
        f"the {what} {listed(admitted)}"
        for what, names, _ in lists
        if (admitted := [one for one in names if not one.startswith("-")])
    ]
    return [
        Finding(
            "doubt",
            f"the reservation {name} does not name you (it is for {' and '.join(parts)})",
            WHY,
            whom_to_ask(reservation, barred[-1] and sum(barred) == 1),
        )
    ]


def when_excluded(
    reservation: Reservation,
    lists: Sequence[tuple[str, tuple[str, ...], Sequence[str] | None]],
) -> str:
    """What to do about a reservation that excludes a user, or what the job names."""
    fixed = any(
        what in ("users", "groups") and not permits(excluding(names), mine or ())
        for what, names, mine in lists
    )
    if fixed:
        return f"ask your instructor whether that is intended, or {ORDINARY}"
    return f"use another --account or --qos, or {ORDINARY}"


def excluding(names: Sequence[str]) -> list[str]:
    """Of a list, the names that it keeps out."""
    return [name for name in names if name.startswith("-")]


def whom_to_ask(reservation: Reservation, only_qos: bool) -> str:
    """What to do about a reservation that is not mine."""
    if only_qos:
        return "use another --qos"
    ask_them = "ask your instructor to add you"
    named = any(not name.startswith("-") for name in reservation.accounts)
    return f"{ask_them}, or use the --account that it names" if named else ask_them


def my_groups() -> list[str] | None:
    """The names of the groups that this process is in; None where the system has none."""
    import grp

    try:
        return [grp.getgrgid(number).gr_name for number in {*os.getgroups(), os.getgid()}]
    except (KeyError, OSError):
        return None


def about_fit(
    request: Request, reservation: Reservation, partitions: Sequence[Partition], me: User | None
) -> list[Finding]:
    """Why the job does not fit into it; nothing where it does."""
    return [
        *about_partitions(request, reservation, partitions, me),
        *about_size(request, reservation),
        *about_hours(request, reservation),
    ]


def about_partitions(
    request: Request, reservation: Reservation, partitions: Sequence[Partition], me: User | None
) -> list[Finding]:
    """Whether the job's partition has some of the reserved nodes, and may use them."""
    mine = chosen(placed(request, [reservation]), partitions)
    if not mine or any(overlap(reservation, one) for one in mine):
        return []
    fit = [
        one.name
        for one in partitions
        if one.up and overlap(reservation, one) and not limits(request, one, me)
    ]
    if reservation.partition in fit:
        fit = [reservation.partition]
    asked = listed([one.name for one in mine])
    what = f"is on nodes of the partition {fit[0]}" if len(fit) == 1 else "is on other nodes"
    return [
        Finding(
            "problem",
            f"the reservation {reservation.name} {what}, and the job is for the partition {asked}",
            "Slurm refuses a job whose partition cannot use its reservation",
            f"use --partition {fit[0]}" if len(fit) == 1 else another("--partition", fit),
        )
    ]


def placed(request: Request, there: Sequence[Reservation] | None) -> Request:
    """The request as Slurm takes it: a job without a partition is put into its reservation's."""
    for one in there or ():
        if request.partition is None and one.name == request.reservation and one.partition:
            return dataclasses.replace(request, partition=one.partition)
    return request


def partition_instead(
    reservation: str, partition: str, there: Sequence[Reservation], partitions: Sequence[Partition]
) -> str | None:
    """The reservation's own partition, where a job in ``partition`` cannot use the reservation.

    Of several reservations, one that can be used is enough.

    Returns:
        None where the partition is fine, or the reservation has none of its own.
    """
    wanted = [one for one in there if one.name in named(reservation)]
    mine = [one for one in partitions if one.name in partition.split(",")]
    if not mine or any(overlap(one, place) for one in wanted for place in mine):
        return None
    return next((one.partition for one in wanted if one.partition), None)


def overlap(reservation: Reservation, partition: Partition) -> bool:
    """Whether a job in that partition can use the reservation; true where that is not known."""
    if not permits(reservation.partitions, [partition.name]):
        return False
    if reservation.flexible or "ANY_NODES" in reservation.flags:
        return True
    shared = hostlist.share(reservation.nodes, partition.nodes)
    if shared is None:
        return reservation.partition in (None, partition.name)
    return bool(shared)


def about_size(request: Request, reservation: Reservation) -> list[Finding]:
    """Whether it has as many nodes and processors."""
    if reservation.flexible:
        return []
    name, asked = reservation.name, request.ranks * (request.cpus_per_task or 1)
    if reservation.count and request.nodes > reservation.count:
        what = f"has {counted(reservation.count, 'node')}, and {request.nodes} were asked for"
        todo = up_to("--nodes", reservation.count)
    elif reservation.cpus and asked > reservation.cpus:
        what = f"has {counted(reservation.cpus, 'processor')}, and {asked} were asked for"
        todo = f"use --set cpus_per_task={reservation.cpus // request.ranks}"
        if reservation.cpus < request.ranks:
            todo = up_to("--ranks", reservation.cpus)
    else:
        return []
    return [Finding("problem", f"the reservation {name} {what}", "the job would never start", todo)]


def about_hours(request: Request, reservation: Reservation) -> list[Finding]:
    """Whether it is running, and long enough for the job."""
    name, now = reservation.name, datetime.datetime.now()
    start, end = moment(reservation.start), moment(reservation.end)
    if reservation.flexible:  # its jobs may begin before it, and end after it
        return []
    if end and end < now and not reservation.repeats:
        what = f"the reservation {name} is over since {end:%Y-%m-%d %H:%M}"
        return [Finding("problem", what, "a job in it never starts", ORDINARY)]
    if start and start > now:
        return [
            Finding(
                "warning",
                f"the reservation {name} starts at {start:%Y-%m-%d %H:%M}",
                "the job waits until then",
                "wait for it, or leave the reservation out (--reservation '')",
            )
        ]
    left = int((end - now).total_seconds()) // 60 if end else None
    if left is not None and 0 <= left < request.time:
        return [
            Finding(
                "warning",
                f"the reservation {name} ends in {counted(left, 'minute')}, and the job asks for "
                f"{request.time}",
                "Slurm starts the job and ends it with its reservation",
                f"use --time {max(1, left)} or less, or {ORDINARY}",
            )
        ]
    return []


def moment(text: str) -> datetime.datetime | None:
    """A time as Slurm prints it, in this machine's time zone; None for Unknown and the like."""
    try:
        found = datetime.datetime.fromisoformat(text)
        return found.astimezone().replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError, OSError):
        return None
