"""How jobs stand: one question to squeue for all of them, and one to sacct for what it forgot.

squeue knows a job for some minutes after its end (MinJobAge); sacct, where there is accounting,
knows it for ever.
"""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from workshop.slurm.queue import numbers
from workshop.slurm.queue.jobstate import (
    AGAIN,
    GONE,
    LIVE,
    PENDING,
    UNKNOWN,
    UNREADABLE,
    WAITING,
    JobState,
    one_name,
)
from workshop.slurm.queue.outlook import Outlook
from workshop.slurm.queue.waiting import meaning_of
from workshop.slurm.variables import for_questions
from workshop.util.text import without_escapes

Run = Callable[[list[str]], "subprocess.CompletedProcess[str]"]

TIMEOUT_SECONDS = 30  # seconds
LONGEST_WORD = 100_000  # characters; Linux takes 131,071 in one word of a command line
# The reason, the user and the job's name come last: they may hold anything.
SQUEUE = ["squeue", "--noheader", "--states=all", "--array", "--format=%i|%T|%M|%N|%S|%r|%u|%j"]
SACCT = [
    "sacct",
    "--noheader",
    "--parsable2",
    "--allocations",
    "--format=JobID,State,ElapsedRaw,NodeList,ExitCode,Reason,User,JobName",
]

# States that say of a job that it is held, in the words of the reason that Slurm gives then.
_HELD = {
    "REQUEUE_HOLD": "job requeued in held state",
    "SPECIAL_EXIT": "job requeued in special exit state",
}
_NOTHING = frozenset({"", "None", "(None)", "N/A", "n/a", "Unknown", "None assigned", "(null)"})
# Lines on stderr that come with any answer, and with none.
_HARMLESS = re.compile(r"\bwarning\b|\binfo:|\bdebug\d?:|\bld\.so\b", re.IGNORECASE)
_TIME = re.compile(r"(?:(?:(\d{1,9})-)?(\d{1,9}):)?(\d{1,9}):(\d{1,9})")


class QueueError(RuntimeError):
    """Slurm does not answer: one sentence, with what to do next."""


def run_command(command: list[str], cluster: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of Slurm's; no setting of the user's changes what it prints.

    Args:
        cluster: of several, the one to ask; '' is this machine's own, None what the shell says.
    """
    environment = for_questions()
    if cluster is not None:
        environment.pop("SLURM_CLUSTERS", None)
        command = [command[0], *([f"--clusters={cluster}"] if cluster else []), *command[1:]]
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=TIMEOUT_SECONDS,
        check=False,
        env=environment,
    )
    return safe(done)


def safe(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """What a command has printed, without what a terminal would take for commands."""
    return subprocess.CompletedProcess(
        done.args, done.returncode, without_escapes(done.stdout), without_escapes(done.stderr)
    )


def asking(cluster: str) -> Callable[[Collection[str]], dict[str, JobState]]:
    """``states`` of that cluster's jobs; '' is this machine's own cluster."""
    return functools.partial(states, run=functools.partial(run_command, cluster=cluster))


def states(job_ids: Iterable[str], run: Run = run_command) -> dict[str, JobState]:
    """How each of these jobs stands; one that Slurm does not know is GONE.

    Args:
        job_ids: '123', or '123_4' for a task of an array; '123' of an array is all its tasks.

    Raises:
        QueueError: Slurm does not answer, which tells nothing of the jobs.
    """
    asked = list(dict.fromkeys(job_ids))
    found = numbers.matched(asked, from_squeue(asked, run))
    missing = [job_id for job_id in asked if job_id not in found]
    # What sacct alone believes to run or to wait, nobody runs.
    ended = (state for state in from_sacct(missing, run) if state.state not in LIVE)
    found |= numbers.matched(missing, ended)
    return {job_id: found.get(job_id) or JobState(job_id, GONE) for job_id in asked}


def words_of(job_ids: Iterable[str]) -> Iterator[str]:
    """The jobs, as few words of a command line as hold them. An array is asked for as a whole."""
    matches = (numbers.ID.fullmatch(job_id) for job_id in job_ids)
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
        silent = complaints(done.stderr) and not done.stdout.strip()
        # It says "Invalid job id" when it knows none of them.
        if (done.returncode or silent) and "Invalid job id" not in done.stderr:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise QueueError(
                f"Slurm does not answer ({lines[-1].strip()[:200]}): your jobs go on without it; "
                "ask again in a minute, and tell the cluster's support if it lasts"
            )
        yield from filter(None, map(squeue_line, done.stdout.splitlines()))


def complaints(stderr: str) -> list[str]:
    """The lines that may be why a command printed no answer: neither warnings nor the loader's."""
    lines = [line.strip() for line in stderr.splitlines()]
    return [line for line in lines if line and not _HARMLESS.search(line)]


def answer(command: list[str], run: Run) -> subprocess.CompletedProcess[str]:
    """What a command prints, safe to show; raises QueueError where it cannot be run, or hangs."""
    try:
        return safe(run(command))
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


def fields_of(line: str) -> list[str]:
    """The six fields that both formats begin with, user and name; none where it is no job's row."""
    fields = line.strip().split("|", 5)
    if len(fields) < 2 or not numbers.is_number(fields[0]):
        return []
    return fields if len(fields) < 6 else [*fields[:5], *fields[5].partition("|")[::2]]


def squeue_line(line: str) -> JobState | None:
    """A row in the format of ``SQUEUE``; UNKNOWN where a part is missing, None for other text."""
    fields = fields_of(line)
    if len(fields) != 7:
        return JobState(fields[0], UNKNOWN, UNREADABLE) if fields else None
    job_id, name, elapsed, nodes, start, reason, label = fields
    state = state_name(name)
    waits = state in WAITING
    return JobState(
        job_id,
        state,
        _reason(one_name(name), _known(reason)),
        None if waits else seconds(elapsed),
        _known(nodes),
        _known(start) if waits else None,
        label or None,
    )


def _reason(name: str, reason: str | None) -> str | None:
    """The reason; where the state says that the job is held and the reason does not, that."""
    words = _HELD.get(name)
    known = meaning_of(reason) if words and reason else None
    return reason if known and known.outlook is Outlook.HELD else words or reason


def sacct_line(line: str) -> JobState | None:
    """A row in the format of ``SACCT``; UNKNOWN where a part is missing, None for other text."""
    fields = fields_of(line)
    if len(fields) != 7:
        return JobState(fields[0], UNKNOWN, UNREADABLE) if fields else None
    job_id, name, elapsed, nodes, exit_code, reason, label = fields
    state, signal = state_name(name), exit_code.partition(":")[2]
    # The reason here is why it last waited; how it ended is in the exit code, and in who did it.
    ended = {"FAILED": "NonZeroExitCode" if signal in ("", "0") else f"RaisedSignal:{signal}"}
    if _never_could_start(name, elapsed, nodes, reason):
        ended["CANCELLED"] = "DependencyNeverSatisfied"
    return JobState(
        job_id,
        state,
        ended.get(state, _known(reason)),
        int(elapsed) if re.fullmatch(r"[0-9]{1,12}", elapsed) else None,
        _known(nodes),
        label=label or None,
    )


def _never_could_start(name: str, elapsed: str, nodes: str, reason: str) -> bool:
    """Whether Slurm itself cancelled a job that waited for one that failed.

    Slurm 22.05 says so in the reason. Newer ones give none: but nobody cancelled the job (it would
    be 'CANCELLED by' somebody), and it had neither time nor nodes.
    """
    if name != "CANCELLED":
        return False
    return reason == "Dependency" or (
        _known(reason) is None and elapsed == "0" and _known(nodes) is None
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


def _known(text: str) -> str | None:
    return None if text.strip() in _NOTHING else text.strip()
