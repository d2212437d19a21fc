"""A record's job against Slurm's accounting: whose it was, where it ran, and for how long.

What sacct says is the cluster's own, and in no participant's hands. Many clusters keep no
accounting, or show it to nobody but the job's own user, so a job that is not found is a doubt at
the most; and a class that ran on sandboxes or laptops has none.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from workshop.grading.evidence.finding import found
from workshop.grading.evidence.log import Run
from workshop.grading.records import Finding, Severity
from workshop.record.results import Result
from workshop.slurm.queue import squeue
from workshop.util.text import one_line

FORMAT = "JobIDRaw,User,State,ElapsedRaw,Suspended,NodeList,Partition,Start,End"
# Each time that a job ran, if it was requeued; and other users' jobs, which is the point.
SACCT = [
    *("sacct", "--noheader", "--parsable2", "--allocations", "--allusers", "--duplicates"),
    f"--format={FORMAT}",
]
SLACK = 2.0  # seconds: both clocks tell whole ones, and one rounds down
SKEW = 300.0  # seconds between two nodes' clocks; munge refuses more
JOB_ID = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Account:
    """One time that a job ran, as sacct tells it.

    Attributes:
        elapsed: seconds, those in which it was suspended included.
        nodes: as Slurm writes them: sim[01-02].
        started, ended: by the cluster's clock; None where it has not.
    """

    job_id: str
    user: str
    state: str
    elapsed: float
    nodes: str
    partition: str
    started: datetime.datetime | None = None
    ended: datetime.datetime | None = None


Accounts = Mapping[str, Sequence[Account]]
Ask = Callable[[Collection[str]], Accounts | None]


def ask_sacct(job_ids: Collection[str], run: squeue.Run = squeue.run_command) -> Accounts | None:
    """What accounting knows of these jobs, by number; None where there is none, or no answer."""
    accounts: dict[str, list[Account]] = {}
    for word in squeue.words_of(job_ids):
        try:
            done = squeue.answer([*SACCT, f"--jobs={word}"], run)
        except squeue.QueueError:
            return None
        if done.returncode != 0:
            return None
        for one in filter(None, map(account_of, done.stdout.splitlines())):
            accounts.setdefault(one.job_id, []).append(one)
    return accounts


def account_of(line: str) -> Account | None:
    """A line in the format of ``SACCT``; None for any other."""
    fields = line.strip().split("|")
    if len(fields) != 9 or not JOB_ID.fullmatch(fields[0]):
        return None
    job_id, user, state, elapsed, suspended, nodes, partition, started, ended = fields
    if not re.fullmatch(r"[0-9]{1,12}", elapsed):
        return None
    return Account(
        job_id,
        user,
        squeue.state_name(state),
        float(int(elapsed) + (squeue.seconds(suspended) or 0)),
        nodes,
        partition,
        moment(started),
        moment(ended),
    )


def moment(text: str) -> datetime.datetime | None:
    """A time of sacct's, which is in this machine's zone; None for Unknown."""
    try:
        return datetime.datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def check(runs: Iterable[Run], account: str, ask: Ask) -> Iterator[Finding]:
    """What accounting says of the jobs that these runs name; asked once for all of them.

    A number alone is no job: a sandbox counts from 1, as the cluster did. So only a job that ran
    when the record says that it did is taken for the record's; any other is told of, as a doubt.

    Args:
        account: the participant's user name on the cluster; '' where the roster does not tell.
    """
    named = [(run, job) for run in runs if (job := job_of(run.result))]
    if not named:
        return
    accounts = ask(list(dict.fromkeys(job for _, job in named)))
    if accounts is None:
        sentence = "its logs name jobs of Slurm, and there is no accounting here to ask about them"
        yield Finding("note", "", sentence)
        return
    for run, job in named:
        known = accounts.get(job, ())
        of_its_time = [one for one in known if ran_then(run.result, one)]
        if of_its_time:
            yield from owner(run, of_its_time[-1], account)
            yield from time_and_place(run, of_its_time)
        elif known:
            yield found("doubt", run, other_job(run.result, known[-1]), job=job)
        else:
            yield found("doubt", run, f"accounting does not know job {job}", job=job)


def job_of(result: Result) -> str | None:
    job = result.slurm.job_id if result.slurm else ""
    return job if JOB_ID.fullmatch(job) else None


def ran_then(result: Result, job: Account) -> bool:
    """Whether the job ran when the record says that the run began."""
    started = start_of(result)
    if started is None or job.started is None:
        return False
    early = (job.started - started).total_seconds()
    late = (started - job.ended).total_seconds() if job.ended else 0.0
    return max(early, late) <= SKEW


def other_job(result: Result, job: Account) -> str:
    began = job.started.isoformat() if job.started else "at no time"
    return (
        f"the record says that it began at {one_line(result.started or 'no time', 40)}, and "
        f"accounting has another job {job.job_id}: {one_line(job.user, 40)}'s, on "
        f"{one_line(job.nodes, 40)}, begun {began}; or it is another cluster's"
    )


def owner(run: Run, job: Account, account: str) -> Iterator[Finding]:
    """Whose job it was: by the roster, and by the record.

    A record takes its user from the environment, which a container may change.
    """
    if account and job.user != account:
        yield found(
            "contradiction",
            run,
            f"job {job.job_id} was not run by {one_line(account, 60)}, as whom the roster has "
            "this participant",
            job=job.job_id,
        )
    user = run.result.user
    if user is not None and user != job.user:
        yield found(
            "doubt",
            run,
            f"the record says that {one_line(user, 60)} ran it, and accounting names another user",
            job=job.job_id,
        )


def time_and_place(run: Run, known: Sequence[Account]) -> Iterator[Finding]:
    """Where and for how long: one of the times that the job ran has to fit."""
    reasons = [list(misfits(run.result, one)) for one in known]
    if all(reasons):
        severity, sentence = min(reasons, key=len)[0]
        yield found(severity, run, sentence, job=known[-1].job_id)


def misfits(result: Result, job: Account) -> Iterator[tuple[Severity, str]]:
    """Why a record cannot be of this run of its job."""
    slurm = result.slurm
    assert slurm is not None
    if slurm.nodes is not None and job.nodes not in ("", "None assigned", slurm.nodes):
        yield (
            "contradiction",
            f"the record says that it ran on {one_line(slurm.nodes, 60)}, and accounting that job "
            f"{job.job_id} ran on {one_line(job.nodes, 60)}",
        )
    least = least_seconds(result)
    if job.ended is not None and job.elapsed + SLACK < least:
        yield (
            "contradiction",
            f"job {job.job_id} took {job.elapsed:.0f} seconds, and what the record says that it "
            f"measured took {least:.1f}",
        )
    if slurm.partition is not None and job.partition and slurm.partition != job.partition:
        yield (
            "doubt",
            f"the record names the partition {one_line(slurm.partition, 60)}, and accounting "
            f"{one_line(job.partition, 60)}",
        )


def least_seconds(result: Result) -> float:
    """Seconds that a run took at the least: its loading, its compiling and its samples."""
    samples = sum(sample.seconds for sample in result.samples)
    return samples + (result.load_seconds or 0.0) + (result.compile_seconds or 0.0)


def start_of(result: Result) -> datetime.datetime | None:
    """When the record says that it began; None where that is no time with a zone."""
    try:
        started = datetime.datetime.fromisoformat(result.started or "")
    except ValueError:
        return None
    return started if started.tzinfo is not None else None
