"""Where submitted runs are kept: a directory for each, with plain files.

    <root>/20261121-104512-compile-3f2a/
        run.json                 what was submitted, as which jobs; written before and after sbatch
        123.state.json           how a job ended, once that is known: Slurm forgets, we do not
        123_submission.sh        the script; the rest is submitit's

Every file is written whole or not at all, and none is ever changed by two: sessions of the same
user can work side by side, on NFS and Lustre as well.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import glob
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workshop.stages.settings import Settings
from workshop.util import files
from workshop.util.errors import UsageError

RECORD = "run.json"
VARIABLE = "WORKSHOP_RUNS"


@dataclass(frozen=True)
class Run:
    """What was submitted.

    Attributes:
        job_name: Slurm's; no job of another name is ever touched.
        output: pattern of the log's path, as Slurm was given it.
        jobs: Slurm's numbers: one, or one for each task of an array; none before sbatch answered.
        submitted: when, in UTC, ISO 8601.
        cluster: the name in the cluster's description.
        after: the job that this one waits for.
        earlier: of each log that was there before its job was submitted, the size in bytes: Slurm
            appends to it, and so much of it is another job's. None where nobody looked.
        slurm_cluster: the one of several clusters of a Slurm that the job was submitted to, as
            SLURM_CLUSTERS named it; '' is the machine's own. None where it was not recorded.
    """

    settings: Settings
    job_name: str
    output: str
    submitted: str
    cluster: str
    jobs: tuple[str, ...] = ()
    after: str | None = None
    earlier: dict[str, int] | None = None
    slurm_cluster: str | None = None

    @property
    def stage(self) -> str:
        return self.settings.stage

    @property
    def number(self) -> str:
        """Slurm's number of the job, or of the array as a whole."""
        return self.jobs[0].partition("_")[0]


@dataclass(frozen=True)
class Ended:
    """How a job ended; what Slurm said last of it."""

    job_id: str
    state: str
    reason: str | None = None
    elapsed_seconds: int | None = None
    nodes: str | None = None


def log_of(pattern: str, job_id: str) -> Path:
    """The log of a job, from the pattern that Slurm was given; ``job_id`` is 12 or 12_3."""
    whole, _, task = job_id.partition("_")
    values = {"%%": "%", "%j": job_id, "%A": whole, "%a": task}
    text, i = "", 0
    while i < len(pattern):
        pair = pattern[i : i + 2]
        text += values.get(pair, pattern[i])
        i += 2 if pair in values else 1
    return Path(text)


def logs_there(pattern: str) -> dict[str, int]:
    """The files that the pattern of a log's path may name, and their sizes in bytes."""
    found = re.split(r"(%[%jAa])", pattern)
    glob_pattern = "".join(
        "%" if part == "%%" else "*" if part in ("%j", "%A", "%a") else glob.escape(part)
        for part in found
    )
    sizes = {}
    for path in glob.iglob(glob_pattern):
        with contextlib.suppress(OSError):
            sizes[path] = os.stat(path).st_size
    return sizes


def earlier_logs(there: Mapping[str, int], pattern: str, job_ids: Iterable[str]) -> dict[str, int]:
    """By job, the size of the log that was there before the job; ``there`` is what was then."""
    sizes = ((job_id, there.get(str(log_of(pattern, job_id)), 0)) for job_id in job_ids)
    return {job_id: size for job_id, size in sizes if size}


def root(configured: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Where runs are kept: WORKSHOP_RUNS, what the cluster's description says, or the home."""
    chosen = environ.get(VARIABLE) or configured
    if chosen:
        return Path(chosen).expanduser().absolute()
    data = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "workshop" / "runs"


def new_directory(where: Path, stage: str) -> Path:
    """Make a directory for a run, of a name that nobody else has; raises UsageError."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    try:
        where.mkdir(parents=True, exist_ok=True)
        while True:
            directory = where / f"{now}-{stage}-{os.urandom(3).hex()}"
            try:
                directory.mkdir()
                return directory
            except FileExistsError:
                continue
    except OSError as error:
        raise UsageError(
            f"cannot store runs in {where}: {error.strerror}; name another place in "
            f"{VARIABLE}, or under paths.runs in the cluster's description"
        ) from None


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def as_json(kept: Run | Ended) -> bytes:
    """As a file of the directory has it. Submitting needs no more, so nothing heavy is imported."""
    return json.dumps(dataclasses.asdict(kept), ensure_ascii=False).encode()


def save(directory: Path, run: Run) -> None:
    """Write what was submitted; raises OSError."""
    files.write(directory / RECORD, as_json(run))


def discard(directory: Path) -> None:
    """Remove the directory of a run that was never submitted."""
    shutil.rmtree(directory, ignore_errors=True)


def every(where: Path) -> Iterator[tuple[Path, Run]]:
    """All runs, oldest first; what is no run, or not whole, is passed over."""
    from workshop.record import results

    try:
        directories = sorted(path for path in where.iterdir() if path.is_dir())
    except OSError:
        return
    for directory in directories:
        try:
            yield directory, results.decode((directory / RECORD).read_bytes(), Run)
        except (OSError, results.RecordError):
            continue


def save_end(directory: Path, ended: Ended) -> None:
    """Remember how a job ended; that it cannot be written is no reason to stop."""
    try:
        files.write(directory / f"{ended.job_id}.state.json", as_json(ended))
    except OSError:
        return


def end_of(directory: Path, job_id: str) -> Ended | None:
    """How a job ended, as far as anyone has seen it."""
    from workshop.record import results

    try:
        return results.decode((directory / f"{job_id}.state.json").read_bytes(), Ended)
    except (OSError, results.RecordError):
        return None
