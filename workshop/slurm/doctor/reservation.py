"""The reservation: is it there, active, mine, and large and long enough?"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from workshop.runner.provenance import user
from workshop.slurm.cluster.load import close
from workshop.slurm.doctor.finding import Finding
from workshop.slurm.facts import inventory
from workshop.slurm.facts.access import permits
from workshop.slurm.facts.ask import NoAnswerError, ask
from workshop.slurm.facts.inventory import Reservation
from workshop.slurm.job.request import Request

WHY = "without it, the job waits in the queue with everybody's"


def reservations() -> list[Reservation]:
    """All that we may see; none where Slurm does not answer."""
    try:
        return inventory.reservations(ask(["scontrol", "--oneliner", "show", "reservation"]))
    except NoAnswerError:
        return []


def about_reservation(request: Request, there: Sequence[Reservation]) -> list[Finding]:
    """Whether the job will ever start in its reservation."""
    wanted = request.reservation or ""
    names = [one.name for one in there]
    found = [one for one in there if one.name == wanted]
    if not found:
        seen = f"you can see {', '.join(names)}" if names else "you can see none"
        return [
            Finding(
                "doubt",
                f"there is no reservation {wanted!r}, or it is over{close(wanted, names)}",
                WHY,
                f"{seen}; to wait in the ordinary queue, leave it out (--reservation '')",
            )
        ]
    (reservation,) = found
    findings = [
        *about_owner(request, reservation),
        *about_size(request, reservation),
        *about_hours(request, reservation),
    ]
    fine = Finding("ok", f"the reservation {wanted} is active, and yours", WHY)
    return findings or [fine]


def about_owner(request: Request, reservation: Reservation) -> list[Finding]:
    """Whether it names me, my account or a group of mine; one that names nobody is for all."""
    # The account of a job that names none, and one's groups, are for Slurm to work out.
    by_account = request.account is None or permits(reservation.accounts, [request.account])
    if reservation.groups or (permits(reservation.users, [user()]) and by_account):
        return []
    parts = [f"the users {', '.join(reservation.users)}"] if reservation.users else []
    parts += [f"the accounts {', '.join(reservation.accounts)}"] if reservation.accounts else []
    return [
        Finding(
            "doubt",
            f"the reservation {reservation.name} does not name you (it is for "
            f"{' and '.join(parts)})",
            WHY,
            "ask your instructor to add you, or use the --account that it names",
        )
    ]


def about_size(request: Request, reservation: Reservation) -> list[Finding]:
    if not reservation.count or request.nodes <= reservation.count or reservation.flexible:
        return []
    return [
        Finding(
            "problem",
            f"the reservation {reservation.name} has {reservation.count} nodes, and "
            f"{request.nodes} were asked for",
            "the job would never start",
            f"use --nodes {reservation.count} or fewer",
        )
    ]


def about_hours(request: Request, reservation: Reservation) -> list[Finding]:
    """Whether it is running, and long enough for the job."""
    name, now = reservation.name, datetime.datetime.now()
    start, end = moment(reservation.start), moment(reservation.end)
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
    if left is not None and left < request.time:
        return [
            Finding(
                "warning",
                f"the reservation {name} ends in {max(0, left)} minutes, and the job asks for "
                f"{request.time}",
                "Slurm does not start a job that may not finish by then",
                f"use --time {max(1, left)} or less",
            )
        ]
    return []


def reservation_is_over(name: str) -> bool:
    """Whether a reservation is gone; not if one of nearly that name is there: that is a slip."""
    there = reservations()
    for one in there:
        if one.name == name:
            end = moment(one.end)
            return end is not None and end < datetime.datetime.now()
    return not close(name, [one.name for one in there])


def moment(text: str) -> datetime.datetime | None:
    """A time as Slurm prints it; None for Unknown and the like."""
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
