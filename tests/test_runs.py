"""Where submitted runs are kept: whole files, no matter who else writes or what else lies there."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from workshop.slurm import runs
from workshop.stages import settings_of
from workshop.util import files
from workshop.util.errors import UsageError

RUN = runs.Run(
    settings_of("compile"), "workshop-compile", "/x/job-%j.out", runs.now(), "cyclone", ("12",)
)


def test_a_run_is_kept_and_found_again_in_the_order_of_submission(tmp_path: Path) -> None:
    for number in ("1", "2", "3"):
        directory = runs.new_directory(tmp_path / "runs", "compile")
        runs.save(directory, replace(RUN, jobs=(number,)))
        directory.rename(directory.with_name(f"2026-{number}"))
    assert [run.number for _, run in runs.every(tmp_path / "runs")] == ["1", "2", "3"]


def test_what_is_no_run_is_passed_over(tmp_path: Path) -> None:
    runs.save(runs.new_directory(tmp_path, "compile"), RUN)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "run.json").write_text('{"settings": {"stage')
    assert len(list(runs.every(tmp_path))) == 1
    assert list(runs.every(tmp_path / "missing")) == []


def test_how_a_job_ended_is_remembered(tmp_path: Path) -> None:
    ended = runs.Ended("12_3", "TIMEOUT", "TimeLimit", 60, "sim01")
    runs.save_end(tmp_path, ended)
    assert runs.end_of(tmp_path, "12_3") == ended
    assert runs.end_of(tmp_path, "12_4") is None
    (tmp_path / "12_3.state.json").write_text("{")
    assert runs.end_of(tmp_path, "12_3") is None


def test_that_an_end_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    runs.save_end(tmp_path / "missing", runs.Ended("1", "FAILED"))


@pytest.mark.parametrize(
    ("environ", "configured", "expected"),
    [
        ({"WORKSHOP_RUNS": "/a"}, "/b", "/a"),
        ({}, "/b", "/b"),
        ({"XDG_DATA_HOME": "/data"}, None, "/data/workshop/runs"),
        ({}, None, str(Path.home() / ".local/share/workshop/runs")),
    ],
)
def test_where_runs_are_kept(
    environ: dict[str, str], configured: str | None, expected: str
) -> None:
    assert runs.root(configured, environ) == Path(expected)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="name another place in WORKSHOP_RUNS"):
        runs.new_directory(tmp_path / "file" / "runs", "compile")


def test_two_sessions_write_the_same_file_and_a_reader_sees_it_whole(tmp_path: Path) -> None:
    """Processes, as two logins have them; every read meets one of the two contents."""
    path = tmp_path / "run.json"
    code = (
        "import sys; from pathlib import Path; from workshop.util import files\n"
        f"for _ in range(300): files.write(Path({str(path)!r}), sys.argv[1].encode() * 5000)"
    )
    files.write(path, b"a" * 5000)
    writers = [subprocess.Popen([sys.executable, "-c", code, letter]) for letter in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        content = path.read_bytes()
        seen.add((len(content), len(set(content))))
    assert seen == {(5000, 1)}
    assert [writer.returncode for writer in writers] == [0, 0]
    assert list(tmp_path.iterdir()) == [path]


def test_runs_submitted_at_the_same_moment_have_directories_of_their_own(tmp_path: Path) -> None:
    made: list[Path] = []
    threads = [
        threading.Thread(target=lambda: made.append(runs.new_directory(tmp_path, "tp")))
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 30


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("before")
    code = (
        "import resource, signal; from pathlib import Path; from workshop.util import files\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        f"files.write(Path({str(path)!r}), b'x' * 1000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "File too large" in done.stderr
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
