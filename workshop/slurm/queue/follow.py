"""What became of submitted jobs: the queue's word, the log's, and what was seen before."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.record.readers.ours import read_log
from workshop.record.results import Result
from workshop.slurm import runs
from workshop.slurm.queue import reasons, squeue
from workshop.slurm.queue.jobstate import JobState
from workshop.util.errors import UsageError

Ask = Callable[[Collection[str]], dict[str, JobState]]

FIRST_LOOK = 1.0  # seconds
LONGEST_PAUSE = 15.0
PATIENCE = 5  # questions without an answer: a controller is restarted within a minute


@dataclass(frozen=True)
class SubmittedJob:
    """One job of a run: where to find what belongs to it."""

    job_id: str
    run: runs.Run
    directory: Path

    @property
    def log(self) -> Path:
        return runs.log_of(self.run.output, self.job_id)


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

    @property
    def ended(self) -> bool:
        return self.ok is not None


def jobs_of(all_runs: Iterable[tuple[Path, runs.Run]]) -> list[SubmittedJob]:
    """All jobs of these runs; a run that never got a number has none."""
    return [
        SubmittedJob(job_id, run, directory) for directory, run in all_runs for job_id in run.jobs
    ]


def chosen(jobs: Sequence[SubmittedJob], wanted: Sequence[str]) -> list[SubmittedJob]:
    """The jobs that ``wanted`` names: a number, an array's number, or a stage (its last run).

    Raises:
        UsageError: no job of ours has that number.
    """
    picked: list[SubmittedJob] = []
    for name in wanted:
        found = [job for job in jobs if name in (job.job_id, job.job_id.partition("_")[0])]
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
    known = {job.job_id: state for job in jobs if (state := seen(job))}
    open_ids = [job.job_id for job in jobs if job.job_id not in known]
    states = ask(open_ids) if open_ids else {}
    for job in jobs:
        state = states.get(job.job_id)
        # A job that Slurm forgot may be known to another Slurm: that is not written down.
        if state and state.ended and state.state != "GONE":
            runs.save_end(job.directory, ended_record(state))
    return [view(job, known.get(job.job_id) or states[job.job_id]) for job in jobs]


def seen(job: SubmittedJob) -> JobState | None:
    """How a job ended, if somebody has looked since."""
    end = runs.end_of(job.directory, job.job_id)
    if end is None:
        return None
    return JobState(end.job_id, end.state, end.reason, end.elapsed_seconds, end.nodes, None)


def ended_record(state: JobState) -> runs.Ended:
    return runs.Ended(state.job_id, state.state, state.reason, state.elapsed_seconds, state.nodes)


def view(job: SubmittedJob, state: JobState) -> View:
    """Slurm's word and the log's, put together."""
    result = result_of(job.log) if state.ended else None
    words, advice, ok = spoken(state, result, job.log)
    return View(
        stage=job.run.stage,
        job_id=job.job_id,
        state=state.state,
        words=words,
        advice=advice,
        ok=ok,
        elapsed_seconds=state.elapsed_seconds,
        nodes=state.nodes,
        tokens_per_second=result.tokens_per_second if result else None,
        log=str(job.log),
        submitted=job.run.submitted,
    )


def result_of(log: Path) -> Result | None:
    """The last result in a log; None where there is no log."""
    try:
        return read_log(log)[-1]
    except (OSError, ValueError):
        return None


def spoken(
    state: JobState, result: Result | None, log: Path
) -> tuple[str, str | None, bool | None]:
    """What to say of a job: a sentence, an advice, and whether it ended well."""
    if not state.ended:
        waiting = state.state == "PENDING"
        return (reasons.why_pending(state) if waiting else "running"), None, None
    if result and result.status == "ok" and (state.succeeded or state.state == "GONE"):
        return "done", None, True
    sentence, advice = reasons.outcome(state)
    told_more = state.state in ("FAILED", "GONE", "COMPLETED")
    if result and result.reason and told_more:
        return result.reason, result.advice or advice, False
    if result is None and state.succeeded:
        return (
            f"it ended well, but its log is not there any more: {log}",
            "submit it again",
            False,
        )
    return sentence, advice or (result.advice if result else None), False


def wait(
    jobs: Sequence[SubmittedJob],
    on_change: Callable[[View], None] = lambda view: None,
    ask: Ask = squeue.states,
    pause: Callable[[float], None] = time.sleep,
) -> list[View]:
    """Wait until all have ended; ``on_change`` hears of every change of state.

    Looks often at first, then ever more rarely: Slurm serves a whole class.

    Raises:
        squeue.QueueError: Slurm does not answer, and did not for a while.
    """
    before: dict[str, str] = {}
    seconds, unanswered = FIRST_LOOK, 0
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
        if all(one.ended for one in views):
            return views
        pause(seconds)
        seconds = min(seconds * 1.3, LONGEST_PAUSE)
