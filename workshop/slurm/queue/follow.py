"""What became of submitted jobs: the queue's word, the log's, and what was seen before."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from workshop.record.results import Result
from workshop.slurm import runs
from workshop.slurm.queue import reasons, squeue
from workshop.slurm.queue.joblog import JobLog
from workshop.slurm.queue.jobstate import (
    ANOTHERS,
    COMPLETED,
    GONE,
    NO_ANSWER,
    NOT_SHOWN,
    PENDING,
    REVOKED,
    UNKNOWN,
    JobState,
)
from workshop.slurm.queue.missing import Missing
from workshop.slurm.queue.outlook import Outlook
from workshop.slurm.queue.ownership import of_the_run
from workshop.slurm.queue.submitted import SubmittedJob
from workshop.util.text import one_line

Ask = Callable[[Collection[str]], dict[str, JobState]]

FIRST_LOOK = 1.0  # seconds
LONGEST_PAUSE = 15.0
PATIENCE = 5  # questions without an answer: a controller is restarted within a minute


@dataclass(frozen=True)
class View:
    """A job as it stands, for a line in a table.

    Attributes:
        state: Slurm's long name, GONE where Slurm has forgotten the job, or UNKNOWN.
        words: the state in plain words: why it waits, or how it ended.
        advice: what to do next, where there is something.
        ok: ended with a complete result; None while it has not ended.
        tokens_per_second: decode speed of its record.
        log: the path, whether or not it is there yet.
        outlook: whether a job that waits will start; None for any other.
        reason: Slurm's own word for why it waits or how it ended, or ours; None where there is
            none.
    """

    stage: str
    job_id: str
    state: str
    words: str
    advice: str | None
    ok: bool | None
    elapsed_seconds: int | None
    nodes: str | None
    tokens_per_second: float | None
    log: str
    submitted: str
    outlook: Outlook | None = None
    reason: str | None = None

    @property
    def ended(self) -> bool:
        return self.ok is not None

    @property
    def held(self) -> bool:
        """Whether only a person's command lets it start."""
        return self.outlook is Outlook.HELD


def look(
    jobs: Sequence[SubmittedJob],
    ask: Ask | None = None,
    missing: Missing | None = None,
    now: float = 0.0,
) -> list[View]:
    """How these jobs stand: one question to Slurm for all that have not been seen to end.

    Args:
        ask: takes job numbers; None asks the cluster that each job was submitted to.
        missing: what earlier looks have found, of which this is the next; without it, a job that
            Slurm does not show is gone.
        now: seconds, of the clock by which ``missing`` goes.

    Raises:
        squeue.QueueError: Slurm does not answer.
    """
    known = [seen(job) for job in jobs]
    unseen = [job for job, state in zip(jobs, known, strict=True) if state is None]
    answers = answered(unseen, ask)
    views = []
    for job, before in zip(jobs, known, strict=True):
        state = before or answers[job.slurm_cluster, job.job_id]
        if before is None:
            state = of_the_run(state, job.run)
            # Another Slurm may know a job that this one forgot, or gave to another cluster.
            if state.ended and state.state not in (GONE, REVOKED):
                runs.save_end(job.directory, ended_record(state))
        one = view(job, state)
        if before is None and missing is not None and doubted(job, state, one, missing, now):
            one = view(job, JobState(job.job_id, UNKNOWN, NOT_SHOWN))
        views.append(one)
    return views


def look_without_slurm(jobs: Sequence[SubmittedJob]) -> list[View]:
    """How these jobs stand as far as it is known where Slurm does not answer."""
    return [view(job, seen(job) or JobState(job.job_id, UNKNOWN, NO_ANSWER)) for job in jobs]


def answered(
    jobs: Sequence[SubmittedJob], ask: Ask | None = None
) -> dict[tuple[str, str], JobState]:
    """Slurm's answers by cluster and number: one question to each cluster."""
    clusters: dict[str, list[str]] = {}
    for job in jobs:
        clusters.setdefault(job.slurm_cluster, []).append(job.job_id)
    return {
        (cluster, job_id): state
        for cluster, job_ids in clusters.items()
        for job_id, state in (ask or squeue.asking(cluster))(job_ids).items()
    }


def doubted(job: SubmittedJob, state: JobState, one: View, missing: Missing, now: float) -> bool:
    """Whether it is too early to believe that Slurm has forgotten a job."""
    if state.state != GONE:
        missing.found(job.job_id)
        return False
    if one.ok or state.reason == ANOTHERS:  # its log says how it ended, or Slurm that it did
        return False
    return not missing.is_gone(job.job_id, job.run.submitted, now)


def seen(job: SubmittedJob) -> JobState | None:
    """How a job ended, if somebody has looked since; GONE if its number is another job's now."""
    end = runs.end_of(job.directory, job.job_id)
    if end is None or end.state == REVOKED:
        return JobState(job.job_id, GONE) if job.later else None
    reason, nodes = (one_line(text) if text else None for text in (end.reason, end.nodes))
    return JobState(end.job_id, one_line(end.state), reason, end.elapsed_seconds, nodes, None)


def ended_record(state: JobState) -> runs.Ended:
    return runs.Ended(state.job_id, state.state, state.reason, state.elapsed_seconds, state.nodes)


def view(job: SubmittedJob, state: JobState) -> View:
    """Slurm's word and the log's, put together."""
    if not state.ended:
        words, outlook = reasons.standing(state)
        return _view(job, state, words, None, None, outlook=outlook)
    log = job.own_log
    result = log.result()
    if result and result.status == "ok" and (state.succeeded or state.state == GONE):
        return _view(job, state, "done", None, True, result.tokens_per_second)
    words, advice = ending(state, result, log)
    return _view(job, state, words, advice, False, result.tokens_per_second if result else None)


def _view(
    job: SubmittedJob,
    state: JobState,
    words: str,
    advice: str | None,
    ok: bool | None,
    tokens_per_second: float | None = None,
    outlook: Outlook | None = None,
) -> View:
    return View(
        stage=job.run.stage,
        job_id=job.job_id,
        state=state.state,
        words=words,
        advice=advice,
        ok=ok,
        elapsed_seconds=state.elapsed_seconds,
        nodes=state.nodes,
        tokens_per_second=tokens_per_second,
        log=str(job.log),
        submitted=job.run.submitted,
        outlook=outlook,
        reason=state.reason,
    )


def ending(state: JobState, result: Result | None, log: JobLog) -> tuple[str, str | None]:
    """Why a job has no complete result: a sentence, and what to do next."""
    sentence, advice = reasons.outcome(state)
    # A reservation's end, or that of a budget, is a TIMEOUT to Slurm: the log says which.
    if state.state == "TIMEOUT" and (slurms := log.slurms_reason()):
        return slurms.reason, slurms.advice
    told_more = state.state in ("FAILED", GONE, COMPLETED)
    if result and result.reason and told_more:
        return result.reason, result.advice or advice
    if result is None and state.succeeded:
        return (f"it ended well, but its log is not there any more: {log.path}", "submit it again")
    return sentence, advice or (result.advice if result else None)


def wait(
    jobs: Sequence[SubmittedJob],
    on_change: Callable[[View], None] = lambda view: None,
    ask: Ask | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> list[View]:
    """Wait until all have ended; ``on_change`` hears of every change of state.

    Looks often at first, then ever more rarely: Slurm serves a whole class. Ends early when two
    looks in a row find that none of those that have not ended will start unless somebody releases
    or cancels one: their views have not ended then. ``missing`` says when a job that Slurm does not
    show counts as gone; the time between two looks is what ``pause`` was called with.

    Raises:
        squeue.QueueError: Slurm does not answer, and did not for a while.
    """
    before: dict[str, str] = {}
    seconds, waited, unanswered = FIRST_LOOK, 0.0, 0
    missing = Missing()
    stuck_before: set[str] = set()
    while True:
        try:
            views = look(jobs, ask, missing, waited)
        except squeue.QueueError:
            unanswered += 1
            if unanswered == PATIENCE:
                raise
            pause(LONGEST_PAUSE)
            waited += LONGEST_PAUSE
            continue
        unanswered = 0
        for one in views:
            if before.get(one.job_id) != (now := f"{one.state} {one.words}"):
                before[one.job_id] = now
                on_change(one)
        stuck = stuck_jobs(jobs, views)
        if all(one.ended or one.job_id in stuck & stuck_before for one in views):
            return views
        stuck_before = stuck
        pause(seconds)
        waited += seconds
        seconds = min(seconds * 1.3, LONGEST_PAUSE)


def stuck_jobs(jobs: Sequence[SubmittedJob], views: Sequence[View]) -> set[str]:
    """The jobs that are held, and those that wait for one of these."""
    stuck = {one.job_id for one in views if one.held}
    waiting = {
        one.job_id: job.run.after
        for job, one in zip(jobs, views, strict=True)
        if one.state == PENDING and job.run.after is not None
    }
    grown = bool(stuck)
    while grown:
        names = stuck | {job_id.partition("_")[0] for job_id in stuck}
        behind = {job_id for job_id, after in waiting.items() if after in names} - stuck
        stuck, grown = stuck | behind, bool(behind)
    return stuck
