"""Everybody's job logs: read once, each looked at by itself, then all beside each other.

They are read in this process and anew each time: reading runs nothing of theirs, is bounded, and
takes milliseconds; and what is to be noticed about one may lie in another's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.grading.evidence import Log, ask_sacct, examine, logs_below, peers, twins
from workshop.grading.evidence.accounting import Accounts, Ask
from workshop.grading.records import Finding, Participant

Again = Callable[[Mapping[str, Sequence[Log]]], Mapping[str, Sequence[Finding]]]


@dataclass(frozen=True)
class Shown:
    """The logs of one attempt, and what was noticed about them."""

    logs: list[Log]
    findings: list[Finding]


def read_all(
    folders: Mapping[int, tuple[Path, Participant]],
) -> tuple[dict[int, Shown], list[Finding]]:
    """The logs of each attempt, looked at by themselves; and what concerns all of them.

    Args:
        folders: by any number: where an attempt lies, and whose it is.
    """
    logs = {number: logs_below(folder) for number, (folder, _) in folders.items()}
    jobs = job_ids(one for some in logs.values() for one in some)
    accounts = ask_sacct(jobs) if jobs else {}
    ask = None if accounts is None else asked_already(accounts)
    shown = {
        number: Shown(logs[number], examine(logs[number], who, ask))
        for number, (_, who) in folders.items()
    }
    return shown, [] if accounts is not None else [no_accounting(len(jobs))]


def job_ids(logs: Iterable[Log]) -> set[str]:
    """The numbers of Slurm's jobs that logs name."""
    results = (result for log in logs for result in log.results)
    return {str(result.slurm.job_id) for result in results if result.slurm is not None}


def asked_already(accounts: Accounts) -> Ask:
    """Answers from what accounting said of all jobs at once."""
    return lambda jobs: {job: accounts[job] for job in jobs if job in accounts}


def no_accounting(jobs: int) -> Finding:
    sentence = "Slurm's accounting cannot be asked from here: no log was held against it"
    return Finding("note", "", sentence, {"jobs that logs name": str(jobs)})


def beside_each_other(
    shown: Mapping[int, Shown], people: Mapping[int, Participant], again: Again
) -> dict[int, Shown]:
    """The same, with what several people's logs have in common, and what came of running some."""
    names = distinct(people)
    accounts = {names[number]: who.account for number, who in people.items() if who.account}
    by_name = {names[number]: one.logs for number, one in shown.items()}
    found, repeated, far_off = twins(by_name, accounts), again(by_name), peers(by_name)
    return {
        number: Shown(
            one.logs,
            [
                *one.findings,
                *found.get(names[number], []),
                *repeated.get(names[number], []),
                *far_off.get(names[number], []),
            ],
        )
        for number, one in shown.items()
    }


def nothing_again(logs: Mapping[str, Sequence[Log]]) -> dict[str, list[Finding]]:
    """Run none of them again."""
    return {}


def distinct(people: Mapping[int, Participant]) -> dict[int, str]:
    """Ids as a teacher knows them; two submissions of unknown people may be called the same."""
    names: dict[int, str] = {}
    for number, who in people.items():
        names[number] = f"{who.id} ({number})" if who.id in names.values() else who.id
    return names
