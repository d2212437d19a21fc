"""The reservation: is it there, active, mine, and large and long enough?"""

from __future__ import annotations

import datetime
import getpass
from collections.abc import Sequence

from workshop.slurm.ask import NoAnswerError, ask, records
from workshop.slurm.description import close
from workshop.slurm.doctor.finding import Finding
from workshop.slurm.request import Request


def reservations() -> list[dict[str, str]]:
    try:
        return records(ask(["scontrol", "--oneliner", "show", "reservation"]))
    except NoAnswerError:
        return []


def about_reservation(request: Request, there: Sequence[dict[str, str]]) -> list[Finding]:
    why = "without it, the job waits in the queue with everybody's"
    wanted = request.reservation or ""
    names = [one["ReservationName"] for one in there if "ReservationName" in one]
    found = [one for one in there if one.get("ReservationName") == wanted]
    if not found:
        rest = f"those that you can see are {', '.join(names)}" if names else "you can see none"
        return [
            Finding(
                "doubt",
                f"there is no reservation {wanted!r}, or it is over{close(wanted, names)}",
                why,
                f"{rest}; leave it out to wait in the ordinary queue (--reservation '')",
            )
        ]
    reservation = found[0]
    findings: list[Finding] = []
    if not is_mine(reservation, request):
        findings.append(
            Finding(
                "doubt",
                f"the reservation {wanted} does not name you (it is for {whose(reservation)})",
                why,
                "ask your instructor to add you, or use the --account that it names",
            )
        )
    nodes = int(reservation.get("NodeCnt", "0") or 0)
    if nodes and request.nodes > nodes and "FLEX" not in reservation.get("Flags", ""):
        findings.append(
            Finding(
                "problem",
                f"the reservation {wanted} has {nodes} nodes, and {request.nodes} were asked for",
                "the job would wait for ever",
                f"use --nodes {nodes} or fewer",
            )
        )
    findings += about_hours(request, reservation)
    if not findings:
        findings.append(Finding("ok", f"the reservation {wanted} is active, and yours", why))
    return findings


def about_hours(request: Request, reservation: dict[str, str]) -> list[Finding]:
    """Whether a reservation is running, and long enough for the job."""
    name, now = reservation["ReservationName"], datetime.datetime.now()
    start, end = moment(reservation.get("StartTime")), moment(reservation.get("EndTime"))
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
                "Slurm does not start what may not be done by then",
                f"use --time {max(1, left)} or less",
            )
        ]
    return []


def is_mine(reservation: dict[str, str], request: Request) -> bool:
    """Whether a reservation names this user or the account; one that names nobody is for all."""
    users, accounts = listed(reservation.get("Users")), listed(reservation.get("Accounts"))
    groups = listed(reservation.get("Groups"))
    if groups or any(name.startswith("-") for name in [*users, *accounts]):
        return True  # not ours to work out
    if not users and not accounts:
        return True
    return (
        getpass.getuser() in users
        or (request.account or "") in accounts
        or (request.account is None and bool(accounts))
    )


def whose(reservation: dict[str, str]) -> str:
    users, accounts = listed(reservation.get("Users")), listed(reservation.get("Accounts"))
    parts = [f"the users {', '.join(users)}"] if users else []
    return " and ".join([*parts, *([f"the accounts {', '.join(accounts)}"] if accounts else [])])


def reservation_is_over(name: str) -> bool:
    """Whether a reservation is gone; not if one of nearly that name is there: that is a slip."""
    there = reservations()
    for one in there:
        if one.get("ReservationName") == name:
            end = moment(one.get("EndTime"))
            return end is not None and end < datetime.datetime.now()
    return not close(name, [one.get("ReservationName", "") for one in there])


def moment(text: str | None) -> datetime.datetime | None:
    """A time as Slurm prints it; None for Unknown and the like."""
    try:
        return datetime.datetime.fromisoformat(text or "")
    except ValueError:
        return None


def listed(text: str | None) -> list[str]:
    return [] if text in (None, "", "(null)") else (text or "").split(",")
