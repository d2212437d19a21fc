"""What became of submitted jobs: the queue's word, the log's, and what was seen before."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.record.results import Result
from workshop.slurm import runs
from workshop.slurm.queue import reasons, squeue
from workshop.slurm.queue.joblog import JobLog
from workshop.slurm.queue.jobstate import COMPLETED, GONE, PENDING, JobState
from workshop.slurm.queue.outlook import Outlook
from workshop.util.errors import UsageError

Ask = Callable[[Collection[str]], dict[str, JobState]]

FIRST_LOOK = 1.0  # seconds
LONGEST_PAUSE = 15.0
PATIENCE = 5  # questions without an answer: a controller is restarted within a minute


@dataclass(frozen=True)
class SubmittedJob:
    """One job of a run: where to find what belongs to it.

    Attributes:
        later: the next run of which a job has the same number: Slurm counted from 1 again, and
            knows only that one.
    """

    job_id: str
    run: runs.Run
    directory: Path
    later: runs.Run | None = None

    @property
    def log(self) -> Path:
        return runs.log_of(self.run.output, self.job_id)

    @property
    def own_log(self) -> JobLog:
        """The part of the log that this job has written, and no other of the same number."""
        later = self.later if self.later and self.later.output == self.run.output else None
        end = (later.earlier or {}).get(self.job_id, 0) if later else None
        start = (self.run.earlier or {}).get(self.job_id, 0)
        return JobLog(self.log, self.job_id, self.run.submitted, start, end)


@dataclass(frozen=True)
class View:
    """A job as it stands, for a line in a table.

    Attributes:
        state: Slurm's long name, or GONE where Slurm has forgotten the job.
        words: the state in plain words: why it waits, or how it ended.
        advice: what to do next, where there is something.
        ok: ended with a complete result; None while it has not ended.
        tokens_per_second: decode speed of its record.
        log: the path, whether or not it is there yet.
        outlook: whether a job that waits will start; None for any other.
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

    @property
    def ended(self) -> bool:
        return self.ok is not None

    @property
    def held(self) -> bool:
        """Whether only a person's command lets it start."""
        return self.outlook is Outlook.HELD


def jobs_of(all_runs: Iterable[tuple[Path, runs.Run]]) -> list[SubmittedJob]:
    """All jobs of these runs, oldest first; a run that never got a number has none."""
    jobs: list[SubmittedJob] = []
    later: dict[tuple[str, str], runs.Run] = {}  # by cluster and number, the run that has it next
    for directory, run in reversed([*all_runs]):
        found = [
            SubmittedJob(one, run, directory, later.get((run.cluster, one))) for one in run.jobs
        ]
        jobs += reversed(found)
        later |= {(run.cluster, one): run for one in run.jobs}
    return jobs[::-1]


def chosen(jobs: Sequence[SubmittedJob], wanted: Sequence[str]) -> list[SubmittedJob]:
    """The jobs that ``wanted`` names: a number, an array's number, or a stage (its last run).

    Raises:
        UsageError: no job of ours has that number.
    """
    picked: list[SubmittedJob] = []
    for name in wanted:
        found = [
            job
            for job in jobs
            if name in (job.job_id, job.job_id.partition("_")[0]) and not job.later
        ]
        if not found:
            last = [job.directory for job in jobs if job.run.stage == name]
            found = [job for job in jobs if last and job.directory == last[-1]]
        if not found:
            raise UsageError(
                f"no job {name!r} was submitted from here by you: 'workshop status --all' lists "
                "yours"
            )
        picked += [job for job in found if job not in picked]
    return picked


def look(jobs: Sequence[SubmittedJob], ask: Ask = squeue.states) -> list[View]:
    """How these jobs stand: one question to Slurm for all that have not been seen to end.

    Raises:
        squeue.QueueError: Slurm does not answer.
    """
    known = [seen(job) for job in jobs]
    open_ids = [job.job_id for job, state in zip(jobs, known, strict=True) if state is None]
    answers = ask(open_ids) if open_ids else {}
    states = [state or answers[job.job_id] for job, state in zip(jobs, known, strict=True)]
    for job, before, state in zip(jobs, known, states, strict=True):
        # A job that Slurm forgot may be known to another Slurm: that is not written down.
        if before is None and state.ended and state.state != GONE:
            runs.save_end(job.directory, ended_record(state))
    return [view(job, state) for job, state in zip(jobs, states, strict=True)]


def seen(job: SubmittedJob) -> JobState | None:
    """How a job ended, if somebody has looked since; GONE if its number is another job's now."""
    end = runs.end_of(job.directory, job.job_id)
    if end is None:
        return JobState(job.job_id, GONE) if job.later else None
    return JobState(end.job_id, end.state, end.reason, end.elapsed_seconds, end.nodes, None)


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
    ask: Ask = squeue.states,
    pause: Callable[[float], None] = time.sleep,
) -> list[View]:
    """Wait until all have ended; ``on_change`` hears of every change of state.

    Looks often at first, then ever more rarely: Slurm serves a whole class. Ends early when two
    looks in a row find that none of those that have not ended will start unless somebody releases
    or cancels one: their views have not ended then.

    Raises:
        squeue.QueueError: Slurm does not answer, and did not for a while.
    """
    before: dict[str, str] = {}
    seconds, unanswered = FIRST_LOOK, 0
    stuck_before: set[str] = set()
    while True:
        try:
            views = look(jobs, ask)
        except squeue.QueueError:
            unanswered += 1
            if unanswered == PATIENCE:
                raise
            pause(LONGEST_PAUSE)
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
