"""Whether a job that Slurm shows is the one that was submitted: numbers come round again."""

from __future__ import annotations

import os
import pwd
from collections.abc import Collection

from workshop.slurm import runs
from workshop.slurm.queue.jobstate import ANOTHERS, GONE, JobState
from workshop.util.text import without_escapes


def of_the_run(state: JobState, run: runs.Run) -> JobState:
    """The state, if it is this run's job; GONE where the number is another job's by now."""
    if state.label is None or is_label_of(run.job_name, state.label, my_names()):
        return state
    return JobState(state.job_id, GONE, ANOTHERS)


def is_label_of(name: str, label: str, users: Collection[str]) -> bool:
    """Whether a job's 'user|name' is that of a job of ours; its user may be missing.

    Args:
        users: what Slurm may call the user; none where the system has no name to compare.
    """
    name = without_escapes(name).strip()
    if not users:
        return label.endswith(f"|{name}")
    # Behind a reason with a '|' in it, the rest of the reason comes first.
    return any(f"|{label}".endswith(f"|{user}|{name}") for user in (*users, ""))


def my_names() -> Collection[str]:
    """What Slurm may call this user; none where the system has no name for it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name, str(os.getuid())
    except KeyError:
        return ()
