"""A stage that runs on this machine shows its progress on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workshop.cli import cli
from workshop.record.readers.ours import read_log
from workshop.record.results import Result
from workshop.stages.settings import Settings

LOG = Path(__file__).parents[1] / "plots" / "logs" / "job-compile.out"


def test_a_stage_that_runs_here_shows_its_progress_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = LOG.read_text().splitlines()

    def run_locally(settings: Settings, path: Path, each_line: Callable[[str], None]) -> Result:
        for line in lines:
            each_line(line)
        return read_log(LOG)[-1]

    monkeypatch.setattr("workshop.runner.launch.run_locally", run_locally)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with terminal() as seen, pytest.raises(SystemExit) as ended:
        cli.main(["submit", "compile", "--executor", "local"])
    assert ended.value.code == 0
    average = next(line for line in lines if line.startswith("Average tokens/sec"))
    speed = float(average.split(":")[1].split()[0])
    assert f"{speed:.0f} tokens/s" in b"".join(seen).decode()


@contextlib.contextmanager
def terminal() -> Iterator[list[bytes]]:
    """A terminal in place of standard error; what is written to it, complete at the end."""
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # EIO: nobody has the terminal open any more
            while part := os.read(ours, 4096):
                seen.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with open(theirs, "w", encoding="utf-8") as stream, contextlib.redirect_stderr(stream):
            yield seen
    finally:
        reader.join()
        os.close(ours)
