"""A file of an archive, read in pieces only, and what both kinds of archives have in common."""

from __future__ import annotations

import io
import time
from pathlib import PurePosixPath

from workshop.grading.intake.left_out import Reason
from workshop.grading.intake.tree import MIB, FullError, is_junk

NO_ARCHIVE = Reason("doubt", "it is no zip and no tar archive, whatever its name says")
DAMAGED = Reason("doubt", "as an archive it is damaged or cut off", "read as far as it goes")


class Guarded(io.FileIO):
    """A file that is never read in one piece: what claims to be a huge header is damage."""

    most = MIB
    deadline = float("inf")

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self.most + 1 if size is None or size < 0 else size
        if time.monotonic() > self.deadline:
            raise FullError
        content = super().read(min(wanted, self.most + 1)) or b""
        if len(content) > self.most:
            raise ValueError("a header of an impossible size")
        return content


def is_small_junk(name: str, size: int) -> bool:
    """Whether it is passed over: ten thousand files of an environment must not use a bound up."""
    return size <= MIB and is_junk(PurePosixPath(name.replace("\\", "/")))
