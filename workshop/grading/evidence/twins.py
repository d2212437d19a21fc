"""One measurement in several logs: in two people's hands, or under two names in one's.

A stopwatch that counts nanoseconds gives no pair of times twice: the time to the first token and
that of decode, of one sample, are a fingerprint. Two runs that share one share the measurement,
whatever else differs between the logs. Where all times were multiplied by something, the
proportions among the samples are the fingerprint.

Who measured it is not in a fingerprint. Where the record names the account that the roster has for
one of the two, that one is told of it, and the other's log contradicts itself; else both are asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from workshop.grading.evidence.consistency import SHORTEST
from workshop.grading.evidence.finding import found
from workshop.grading.evidence.log import Log, Run, logs_below
from workshop.grading.records import Finding, Severity
from workshop.record.readers.text import one_line
from workshop.util.assets import folder

DIGITS = 9  # of a proportion between two times
FEWEST = 3  # samples of which proportions tell enough
MOST_OTHERS = 5  # that a finding names

Print = tuple[object, ...]


@dataclass(frozen=True)
class Held:
    """A run in somebody's hands."""

    who: str
    log: Log
    run: Run


def twins(
    logs: Mapping[str, Sequence[Log]],
    accounts: Mapping[str, str] | None = None,
    known: Sequence[Log] | None = None,
) -> dict[str, list[Finding]]:
    """What people's logs have in common, by participant's id; who has nothing in it is left out.

    Args:
        accounts: users' names on the cluster, by participant's id, as far as the roster tells.
        known: logs that come with the workshop; those of the solutions where not given.
    """
    held = [Held(who, log, run) for who, own in logs.items() for log in own for run in log.runs]
    ours = shipped() if known is None else known
    found_by: dict[str, list[Finding]] = defaultdict(list)
    for one, others in shared(held):
        for finding in about(one, others, accounts or {}):
            if finding not in found_by[one.who]:
                found_by[one.who].append(finding)
    public = {mark: log for log in ours for run in log.runs for mark in prints(run)}
    for one in held:
        if log := next((public[mark] for mark in prints(one.run) if mark in public), None):
            sentence = f"its samples are those of {log.path}, which comes with the workshop"
            found_by[one.who].append(found("contradiction", one.run, sentence))
    for who, finding in same_job(held):
        found_by[who].append(finding)
    return {who: findings for who, findings in found_by.items() if findings}


def prints(run: Run) -> Iterator[Print]:
    """What no second measurement has: of each sample, and of all of them together."""
    long = [pair for pair in times_of(run) if pair[1] > SHORTEST]
    yield from long
    if len(long) >= FEWEST and long[0][0] > 0:
        first = long[0][1]
        yield (
            "proportions",
            *(round(decode / first, DIGITS) for _, decode in long[1 : 2 * FEWEST]),
        )


def times_of(run: Run) -> list[tuple[float, float]]:
    """Seconds to the first token, and of decode, of each sample."""
    return [(sample.ttft_seconds, sample.decode_seconds) for sample in run.result.samples]


def shared(held: Sequence[Held]) -> Iterator[tuple[Held, list[Held]]]:
    """Each run that has a fingerprint of another, with those others."""
    by_print: dict[Print, list[int]] = defaultdict(list)
    for place, one in enumerate(held):
        for mark in set(prints(one.run)):
            by_print[mark].append(place)
    together: dict[int, set[int]] = defaultdict(set)
    for places in by_print.values():
        if len(places) > 1:
            for place in places:
                together[place].update(places)
    for place, others in sorted(together.items()):
        yield held[place], [held[other] for other in sorted(others) if other != place]


def about(one: Held, others: Iterable[Held], accounts: Mapping[str, str]) -> Iterator[Finding]:
    """What is to be said of a run to who handed it in."""
    own = [other for other in others if other.who == one.who and other.log.path != one.log.path]
    foreign = [other for other in others if other.who != one.who]
    if foreign:
        yield between(one, foreign, accounts)
    for other in own:
        if identity(one.run) == identity(other.run):
            sentence = f"the same run is in {one_line(other.log.path, 80)} too: it counts once"
            yield found("note", one.run, sentence)
        else:
            sentence = (
                f"its samples are those of {one_line(other.log.path, 80)}, where they are called "
                f"{other.run.label}: one measurement under two names, or with other times"
            )
            yield found("contradiction", one.run, sentence)


def between(one: Held, foreign: Sequence[Held], accounts: Mapping[str, str]) -> Finding:
    """What is to be said of a run that others have handed in as well."""
    people = len({other.who for other in foreign})
    whom = "another participant" if people == 1 else f"{people} other participants"
    same = all(identity(one.run) == identity(other.run) for other in foreign)
    how = "" if same else ", in a record that differs from it otherwise"
    exactly = any(set(times_of(one.run)) & set(times_of(other.run)) for other in foreign)
    are = "are, to the last digit, those" if exactly else "have the proportions of those"
    sentence = f"its samples {are} in a log of {whom}{how}"
    user = one.run.result.user
    owners = {who for who in (one.who, *(other.who for other in foreign)) if accounts.get(who)}
    owners = {who for who in owners if accounts[who] == user}
    severity: Severity = "doubt"
    if same and one.who in owners:
        severity, sentence = "note", f"{sentence}; the record names this participant's account"
    elif same and owners:
        severity, sentence = "contradiction", f"{sentence}, whose account the record names"
    named = ", ".join(
        f"{one_line(other.who, 40)} ({one_line(other.log.path, 60)})"
        for other in foreign[:MOST_OTHERS]
    )
    finding = found(severity, one.run, sentence)
    return Finding(finding.severity, finding.about, finding.sentence, {"also handed in by": named})


def identity(run: Run) -> tuple[object, ...]:
    """What a record says of itself beside its samples' times."""
    result = run.result
    return (
        result.stage,
        result.settings,
        [(s.ttft_seconds, s.decode_seconds) for s in result.samples],
        result.user,
        result.host,
        result.started,
        result.slurm,
    )


def same_job(held: Sequence[Held]) -> Iterator[tuple[str, Finding]]:
    """One job of Slurm that two people claim, with measurements of their own.

    Two sandboxes count alike, and a pair may share an allocation: a doubt, and only where the node
    is the same and the day too.
    """
    claimed: dict[Print, list[Held]] = defaultdict(list)
    for one in held:
        slurm = one.run.result.slurm
        if slurm is not None and one.run.result.host is not None:
            day = (one.run.result.started or "")[: len("2026-11-21")]
            claimed[(slurm.job_id, slurm.nodes, one.run.result.host, day)].append(one)
    for mark, together in claimed.items():
        people = {one.who for one in together}
        if len(people) < 2:
            continue
        seen: set[tuple[str, str]] = set()
        for one in together:
            if (one.who, one.log.path) in seen:
                continue
            seen.add((one.who, one.log.path))
            sentence = f"job {mark[0]} is in {len(people) - 1} other participant's logs, too"
            finding = found("doubt", one.run, sentence)
            named = ", ".join(sorted(people - {one.who})[:MOST_OTHERS])
            evidence = {"also named by": one_line(named, 300)}
            yield one.who, Finding(finding.severity, finding.about, finding.sentence, evidence)


@cache
def shipped() -> tuple[Log, ...]:
    """The logs that lie beside the solutions, which everybody can read."""
    return tuple(logs_below(folder("solutions")))
