"""One measurement in several logs: in two people's hands, or under two names in one's.

What two runs have in common by their samples' times is found in ``prints.py``; here stands what is
said of it, and to whom.

Who measured it is not in a fingerprint. Where the record names the account that the roster has for
one of the two, that one is told of it, and the other's log contradicts itself; else both are asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from workshop.grading.evidence.finding import found
from workshop.grading.evidence.log import Log, Run, logs_below
from workshop.grading.evidence.prints import decodes_of, related, same_times, times_of
from workshop.grading.records import Finding, Severity
from workshop.util.assets import folder
from workshop.util.text import one_line

MOST_OTHERS = 5  # that a finding names
MOST_COMPARED = 20  # of those who have a measurement, by which its sentence is worded


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
    ours = [run for log in (shipped() if known is None else known) for run in log.runs]
    found_by: dict[str, list[Finding]] = defaultdict(list)
    together = related([*(one.run for one in held), *ours])
    for place, one in enumerate(held):
        theirs = sorted(together.get(place, ()))
        others = [held[other] for other in theirs if other < len(held)]
        for finding in about(one, others, accounts or {}):
            if finding not in found_by[one.who]:
                found_by[one.who].append(finding)
        public = [ours[other - len(held)] for other in theirs if other >= len(held)]
        if public:
            sentence = f"its samples are those of {public[0].log}, which comes with the workshop"
            found_by[one.who].append(found("contradiction", one.run, sentence))
    for who, finding in same_job(held, together):
        found_by[who].append(finding)
    return {who: findings for who, findings in found_by.items() if findings}


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
    sentence = (
        f"{in_common(one.run, [other.run for other in foreign[:MOST_COMPARED]])} of {whom}{how}"
    )
    severity, whose = judged(one, foreign, accounts)
    named = ", ".join(
        f"{one_line(other.who, 40)} ({one_line(other.log.path, 60)})"
        for other in foreign[:MOST_OTHERS]
    )
    finding = found(severity, one.run, sentence + whose)
    return Finding(finding.severity, finding.about, finding.sentence, {"also handed in by": named})


def in_common(run: Run, others: Sequence[Run]) -> str:
    """What a run has of others, as a sentence begins: all of its samples, some, or proportions."""
    if any(set(times_of(run)) & set(times_of(other)) for other in others):
        own = len(times_of(run))
        most = max(len(set(times_of(run)) & set(times_of(other))) for other in others)
        some = f"{most} of its {own} samples" if most < own else "its samples"
        return f"{some} are, to the last digit, those in a log"
    if most := max(same_times(run, other) for other in others):
        return f"{most} of its {len(decodes_of(run))} decode times are those in a log"
    return "its samples have the proportions of those in a log"


def judged(one: Held, foreign: Sequence[Held], accounts: Mapping[str, str]) -> tuple[Severity, str]:
    """How grave it is, and the end of the sentence, by whose account the records name."""
    own = accounts.get(one.who)
    user = one.run.result.user
    if own and own == user and all(other.run.result.user == user for other in foreign):
        return "note", "; the record names this participant's account"
    if user and own != user and any(accounts.get(other.who) == user for other in foreign):
        return "contradiction", ", whose account the record names"
    return "doubt", ""


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


def same_job(
    held: Sequence[Held], together: Mapping[int, Collection[int]]
) -> Iterator[tuple[str, Finding]]:
    """One job of Slurm that two people name, on the same node and day.

    A pair may share an allocation, and two sandboxes count alike: a note where both have
    measurements of their own, a doubt where a measurement of that job is in both hands.
    """
    claimed: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, one in enumerate(held):
        slurm = one.run.result.slurm
        if slurm is not None and one.run.result.host is not None:
            day = (one.run.result.started or "")[: len("2026-11-21")]
            claimed[(slurm.job_id, slurm.nodes, one.run.result.host, day)].append(place)
    for (job, *_), places in claimed.items():
        people = {held[place].who for place in places}
        if len(people) < 2:
            continue
        shared = any(not set(places).isdisjoint(together.get(place, ())) for place in places)
        seen: set[tuple[str, str]] = set()
        for one in map(held.__getitem__, places):
            if (one.who, one.log.path) in seen:
                continue
            seen.add((one.who, one.log.path))
            sentence = f"job {job} is in {len(people) - 1} other participant's logs, too"
            finding = found("doubt" if shared else "note", one.run, sentence)
            named = ", ".join(sorted(people - {one.who})[:MOST_OTHERS])
            evidence = {"also named by": one_line(named, 300)}
            yield one.who, Finding(finding.severity, finding.about, finding.sentence, evidence)


@cache
def shipped() -> tuple[Log, ...]:
    """The logs that lie beside the solutions, which everybody can read."""
    return tuple(logs_below(folder("solutions")))
