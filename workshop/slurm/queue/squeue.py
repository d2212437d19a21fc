"""How jobs stand: one question to squeue for all of them, and one to sacct for what it forgot.

squeue knows a job for some minutes after its end (MinJobAge); sacct, where there is accounting,
knows it for ever.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence

from workshop.slurm.queue.jobstate import AGAIN, GONE, PENDING, WAITING, JobState, one_name
from workshop.slurm.queue.outlook import Outlook
from workshop.slurm.queue.waiting import meaning_of
from workshop.slurm.variables import for_questions

Run = Callable[[list[str]], "subprocess.CompletedProcess[str]"]

TIMEOUT_SECONDS = 30  # seconds
LONGEST_WORD = 100_000  # characters; Linux takes 131,071 in one word of a command line
# The reason comes last: it alone may hold anything.
SQUEUE = ["squeue", "--noheader", "--states=all", "--array", "--format=%i|%T|%M|%N|%S|%r"]
SACCT = [
    "sacct",
    "--noheader",
    "--parsable2",
    "--allocations",
    "--format=JobID,State,ElapsedRaw,NodeList,ExitCode,Reason",
]

# States that say of a job that it is held, in the words of the reason that Slurm gives then.
_HELD = {
    "REQUEUE_HOLD": "job requeued in held state",
    "SPECIAL_EXIT": "job requeued in special exit state",
}
_NOTHING = frozenset({"", "None", "(None)", "N/A", "n/a", "Unknown", "None assigned", "(null)"})
_ID = re.compile(r"(?P<job>[0-9]+)(?:_(?P<task>[0-9]+))?")
_TASKS = re.compile(r"(?P<job>[0-9]+)_\[(?P<tasks>[0-9,:-]+)(?:%[0-9]+)?\]")
_TIME = re.compile(r"(?:(?:(\d{1,9})-)?(\d{1,9}):)?(\d{1,9}):(\d{1,9})")


class QueueError(RuntimeError):
    """Slurm does not answer: one sentence, with what to do next."""


def run_command(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command of Slurm's; no setting of the user's changes what it prints."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIMEOUT_SECONDS,
        check=False,
        env=for_questions(),
    )


def states(job_ids: Iterable[str], run: Run = run_command) -> dict[str, JobState]:
    """How each of these jobs stands; one that Slurm does not know is GONE.

    Args:
        job_ids: '123', or '123_4' for a task of an array; '123' of an array is all its tasks.

    Raises:
        QueueError: Slurm does not answer, which tells nothing of the jobs.
    """
    asked = list(dict.fromkeys(job_ids))
    found = matched(asked, from_squeue(asked, run))
    missing = [job_id for job_id in asked if job_id not in found]
    # What sacct alone believes to run or to wait, nobody runs.
    ended = (state for state in from_sacct(missing, run) if state.ended)
    found |= matched(missing, ended)
    return {job_id: found.get(job_id) or JobState(job_id, GONE) for job_id in asked}


def matched(asked: Iterable[str], states: Iterable[JobState]) -> dict[str, JobState]:
    """The jobs asked for among those told of; one told line may stand for many array tasks."""
    tasks: dict[str, list[str]] = {}
    for job_id in asked:
        if match := _ID.fullmatch(job_id):
            tasks.setdefault(match["job"], []).append(job_id)
    found: dict[str, JobState] = {}
    for state in states:
        for job_id in tasks.get(state.job_id.partition("_")[0], []):
            if stands_for(state.job_id, job_id):
                found[job_id] = least_done(renamed(state, job_id), found.get(job_id))
    return found


def least_done(one: JobState, other: JobState | None) -> JobState:
    """An array as a whole has ended when its last task has, and well when all have."""
    if other is None:
        return one
    return min(one, other, key=lambda state: (state.ended, state.succeeded))


def stands_for(slurm_id: str, job_id: str) -> bool:
    """Whether Slurm's '123_[0-3,7-9:2%1]' or '123_4' means this job, or a part of it."""
    match, task = _TASKS.fullmatch(slurm_id), job_id.partition("_")[2]
    if not task:
        return slurm_id.partition("_")[0] == job_id
    if match is None:
        return slurm_id == job_id
    return any(int(task) in span for span in spans(match["tasks"]))


def spans(tasks: str) -> Iterator[range]:
    """The parts of '0-3,7-9:2'."""
    for part in tasks.split(","):
        if match := re.fullmatch(r"(\d+)(?:-(\d+))?(?::([1-9]\d*))?", part):
            first, last, step = match.groups()
            yield range(int(first), int(last or first) + 1, int(step or 1))


def renamed(state: JobState, job_id: str) -> JobState:
    return JobState(
        job_id, state.state, state.reason, state.elapsed_seconds, state.nodes, state.start
    )


def words_of(job_ids: Iterable[str]) -> Iterator[str]:
    """The jobs, as few words of a command line as hold them. An array is asked for as a whole."""
    matches = (_ID.fullmatch(job_id) for job_id in job_ids)
    jobs = dict.fromkeys(match["job"] for match in matches if match)
    word = ""
    for job in jobs:
        if len(word) + len(job) >= LONGEST_WORD:
            yield word
            word = ""
        word = f"{word},{job}" if word else job
    if word:
        yield word


def from_squeue(job_ids: Sequence[str], run: Run) -> Iterator[JobState]:
    """The jobs that squeue knows; raises QueueError."""
    for word in words_of(job_ids):
        done = answer([*SQUEUE, f"--jobs={word}"], run)
        if done.returncode == 0:
            yield from filter(None, map(squeue_line, done.stdout.splitlines()))
        elif "Invalid job id" not in done.stderr:  # which it says when it knows none of them
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise QueueError(
                f"Slurm does not answer ({lines[-1].strip()[:200]}): your jobs go on without it; "
                "ask again in a minute, and tell the cluster's support if it lasts"
            )


def answer(command: list[str], run: Run) -> subprocess.CompletedProcess[str]:
    try:
        return run(command)
    except subprocess.TimeoutExpired:
        raise QueueError(
            f"{command[0]} did not answer within {TIMEOUT_SECONDS} seconds: your jobs go on "
            "without it; ask again in a minute"
        ) from None
    except OSError as error:
        raise QueueError(
            f"{command[0]} cannot be run here ({error.strerror or error}): log in to a machine of "
            "the cluster that has Slurm's commands, or load its module"
        ) from None


def from_sacct(job_ids: Sequence[str], run: Run) -> Iterator[JobState]:
    """The jobs that accounting knows. Many clusters have none: then it knows no job."""
    for word in words_of(job_ids):
        try:
            done = answer([*SACCT, f"--jobs={word}"], run)
        except QueueError:
            return
        if done.returncode != 0:
            return
        yield from filter(None, map(sacct_line, done.stdout.splitlines()))


def squeue_line(line: str) -> JobState | None:
    """A line in the format of ``SQUEUE``; None for any other."""
    fields = line.strip().split("|", 5)
    if len(fields) != 6 or not _knows(fields[0]):
        return None
    job_id, name, elapsed, nodes, start, reason = fields
    state = state_name(name)
    waits = state in WAITING
    return JobState(
        job_id,
        state,
        _reason(one_name(name), _told(reason)),
        None if waits else seconds(elapsed),
        _told(nodes),
        _told(start) if waits else None,
    )


def _reason(name: str, reason: str | None) -> str | None:
    """The reason; where the state says that the job is held and the reason does not, that."""
    words = _HELD.get(name)
    known = meaning_of(reason) if words and reason else None
    return reason if known and known.outlook is Outlook.HELD else words or reason


def sacct_line(line: str) -> JobState | None:
    """A line in the format of ``SACCT``; None for any other."""
    fields = line.strip().split("|", 5)
    if len(fields) != 6 or not _knows(fields[0]):
        return None
    job_id, name, elapsed, nodes, exit_code, reason = fields
    state, signal = state_name(name), exit_code.partition(":")[2]
    # The reason here is why it last waited; how it ended is in the exit code, and in who did it.
    ended = {"FAILED": "NonZeroExitCode" if signal in ("", "0") else f"RaisedSignal:{signal}"}
    if _never_could_start(name, elapsed, nodes, reason):
        ended["CANCELLED"] = "DependencyNeverSatisfied"
    return JobState(
        job_id,
        state,
        ended.get(state, _told(reason)),
        int(elapsed) if re.fullmatch(r"[0-9]{1,12}", elapsed) else None,
        _told(nodes),
    )


def _never_could_start(name: str, elapsed: str, nodes: str, reason: str) -> bool:
    """Whether Slurm itself cancelled a job that waited for one that failed.

    Slurm 22.05 says so in the reason. Newer ones give none: but nobody cancelled the job (it would
    be 'CANCELLED by' somebody), and it had neither time nor nodes.
    """
    if name != "CANCELLED":
        return False
    return reason == "Dependency" or (
        _told(reason) is None and elapsed == "0" and _told(nodes) is None
    )


def state_name(text: str) -> str:
    """Slurm's long name: 'CANCELLED by 1000' is CANCELLED, and a job to be run again is PENDING."""
    name = one_name(text)
    return PENDING if name in AGAIN else name


def seconds(elapsed: str) -> int | None:
    """Seconds of Slurm's '1-02:03:04', '02:03:04' or '3:04'."""
    match = _TIME.fullmatch(elapsed)
    if match is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _knows(job_id: str) -> bool:
    return bool(_ID.fullmatch(job_id) or _TASKS.fullmatch(job_id))


def _told(text: str) -> str | None:
    return None if text.strip() in _NOTHING else text.strip()
