"""The part of a log that a job itself has written.

Slurm counts jobs from 1 again where its state was lost, as in every new sandbox, and appends to a
log of the same name. A log may so be another job's, as a whole or up to some byte of it.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workshop.record.readers.last_words import LastWords, Listener
from workshop.record.readers.lines import bounded_lines
from workshop.record.readers.ours import explained, records
from workshop.record.results import Result

CLOCKS = datetime.timedelta(seconds=10)  # by which the clocks of two machines may differ
_BLOCK = 1 << 20  # bytes that are copied at a time
_END = 1 << 16  # bytes, in which all that Slurm says of a job's end has room


@dataclass(frozen=True)
class JobLog:
    """The log of one job.

    Attributes:
        path: whether or not it is there yet.
        job_id: '123', or '123_4' for a task of an array.
        submitted: when the job was, in UTC, ISO 8601.
        start: bytes at its beginning that are an earlier job's.
        end: where a later job's part begins; None where no part does.
    """

    path: Path
    job_id: str
    submitted: str
    start: int = 0
    end: int | None = None

    def is_there(self) -> bool:
        """Whether the job has written to it."""
        try:
            stat = self.path.stat()
        except OSError:
            return False
        changed = datetime.datetime.fromtimestamp(stat.st_mtime, datetime.UTC)
        first, last = self.part(stat.st_size)
        others = (self.start or self.end is not None) and first >= last
        return not others and not self._is_before(changed)

    def part(self, size: int) -> tuple[int, int]:
        """The bytes of a log of this size that are the job's; a smaller one was written anew."""
        first = self.start if self.start <= size else 0
        return first, size if self.end is None else min(self.end, size)

    def result(self) -> Result | None:
        """The job's last result, or why it has none; None where the job has written nothing."""
        try:
            with self.opened() as file:
                found = (records(file).whole or explained(file, self.path.name))[-1]
        except (OSError, ValueError):
            return None
        return found if self._may_be_of_the_job(found) else None

    def slurms_reason(self) -> LastWords | None:
        """The reason that Slurm itself gave in the log for ending the job."""
        listener = Listener()
        try:
            with self.opened() as file:
                size = file.seek(0, io.SEEK_END)
                file.seek(max(0, size - _END))
                for line in bounded_lines(file):
                    listener.hear(line)
        except (OSError, ValueError):
            return None
        return listener.slurms_reason

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The job's own part; raises OSError where there is none."""
        if not self.is_there():
            raise FileNotFoundError(self.path)
        with self.path.open("rb") as file:
            if not self.start and self.end is None:
                yield file
                return
            first, last = self.part(file.seek(0, io.SEEK_END))
            file.seek(first)
            with tempfile.TemporaryFile() as part:
                copy(file, part, last - first)
                part.seek(0)
                yield part

    def _may_be_of_the_job(self, result: Result) -> bool:
        """Whether nothing in a record says that another job has left it."""
        numbered = result.slurm.job_id if result.slurm else None
        if numbered is not None and "_" not in self.job_id and numbered != self.job_id:
            return False
        started = moment(result.started)
        return started is None or not self._is_before(started)

    def _is_before(self, when: datetime.datetime) -> bool:
        submitted = moment(self.submitted)
        return submitted is not None and when < submitted - CLOCKS


def copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    """Copy ``size`` bytes, or what there is."""
    while size > 0 and (block := source.read(min(size, _BLOCK))):
        target.write(block)
        size -= len(block)


def moment(text: str | None) -> datetime.datetime | None:
    """A time in ISO 8601, as UTC; None for any other text."""
    try:
        found = datetime.datetime.fromisoformat(text or "")
        return found.astimezone(datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return None
