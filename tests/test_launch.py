"""Starting runs: logs of their own, nothing written over, nothing left running."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from patience import HANG, wait_for

from workshop.record.readers.ours import read_log
from workshop.record.results import PREFIX, from_json
from workshop.runner.launch import next_id, reserve_log, run_locally
from workshop.runner.models import EMBEDDED
from workshop.runner.ranks.meeting import free_port
from workshop.stages import settings_of
from workshop.util.errors import UsageError
from workshop.util.files import make_directory
from workshop.util.tail import follow

SMALL = "tiny:1"  # as it is stored: what is run matters less here than that it is
TP = replace(settings_of("tp"), model=SMALL, compile=False)


def test_a_log_never_takes_the_name_of_another(tmp_path: Path) -> None:
    first = reserve_log(tmp_path, "compile")
    first.write_text("kept")
    second = reserve_log(tmp_path, "compile")
    other = reserve_log(tmp_path, "tp")
    assert first.name == "job-compile-1.out"
    assert second.name == "job-compile-2.out"
    assert other.name == "job-tp-3.out"
    assert first.read_text() == "kept"


def test_sessions_at_the_same_time_get_names_of_their_own(tmp_path: Path) -> None:
    taken: list[Path] = []
    threads = [
        threading.Thread(target=lambda: taken.append(reserve_log(tmp_path, "tp")))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == 20


def test_other_files_do_not_count_as_logs(tmp_path: Path) -> None:
    for name in ("job-compile-x.out", "notes.txt", "job-compile-9.out.bak"):
        (tmp_path / name).touch()
    assert next_id(tmp_path) == 1


def test_a_directory_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write logs to"):
        reserve_log(tmp_path / "missing", "tp")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UsageError, match="cannot make the directory"):
        make_directory(file / "below")


def test_following_gives_whole_lines_as_they_come_and_the_rest_at_the_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    pieces = iter(["one\ntw", "o\n\nfo", "ur"])
    written: list[str] = []

    def over() -> bool:
        """Asked before each look at the log, which has grown by a piece since the last."""
        for piece in pieces:
            with log.open("a") as file:
                file.write(piece)
            written.append(piece)
            return False
        return True

    came = [(line, len(written)) for line in follow(log, over)]
    assert came == [("one", 1), ("two", 2), ("", 2), ("four", 3)]


def test_a_local_job_leaves_its_log_and_nothing_else(tmp_path: Path) -> None:
    log = reserve_log(tmp_path, "baseline")
    lines: list[str] = []
    settings = replace(settings_of("baseline"), model=SMALL, samples=2, new_tokens=8)
    result = run_locally(settings, log, lines.append)
    assert result.status == "ok", log.read_text()
    assert [path.name for path in tmp_path.iterdir()] == [log.name]
    assert lines == log.read_text().splitlines()
    # Nothing comes after the record, submitit's own last words included.
    assert from_json(lines[-1].removeprefix(PREFIX)) == result


def test_ranks_meet_share_the_cores_and_write_one_log(tmp_path: Path) -> None:
    log = reserve_log(tmp_path, "tp")
    settings = replace(TP, samples=2, new_tokens=12)
    result = run_locally(settings, log)
    assert result.status == "ok", log.read_text()
    assert result.world_size == 2
    assert result.threads == max(1, len(os.sched_getaffinity(0)) // 2)
    assert log.read_text().count(PREFIX) == 1
    # Linear layers are split, embedding and norms are on both ranks.
    one = run_locally(replace(settings, ranks=1), reserve_log(tmp_path, "quantize"))
    assert one.model_bytes is not None
    assert result.model_bytes is not None
    assert one.model_bytes < result.model_bytes < 1.5 * one.model_bytes
    assert result.samples[0].tokens == result.samples[1].tokens


@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_that_is_killed_ends_the_run_which_names_it(tmp_path: Path, victim: int) -> None:
    """In the middle of decode; what was measured before is kept.

    The all-reduce would wait for ten minutes.
    """
    log = reserve_log(tmp_path, "tp")
    settings = replace(TP, samples=9999, new_tokens=12)
    killed: list[float] = []

    def each_line(line: str) -> None:
        if line.startswith("WORKSHOP-SAMPLE") and not killed:
            os.kill(rank_processes()[victim], signal.SIGKILL)
            killed.append(time.monotonic())

    result = run_locally(settings, log, each_line)
    assert time.monotonic() - killed[0] < HANG
    assert result.status == "incomplete"
    assert len(result.samples) >= 1
    assert result.reason is not None
    assert result.advice is not None
    assert re.search(rf"rank {victim} \(.*\) ended without a message", result.reason)
    assert "it was killed" in result.advice


def rank_processes() -> dict[int, int]:
    """The processes of this test's runs that are ranks: which is which."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if str(os.getpid()) not in ancestors(int(entry.name)):
                continue
            environment = (entry / "environ").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        for variable in environment:
            name, _, value = variable.partition(b"=")
            if name == b"SUBMITIT_LOCAL_GLOBALID":
                found[int(value)] = int(entry.name)
    return found


def ancestors(process: int) -> list[str]:
    """Parent and grandparent of a process; raises OSError when it is gone."""
    found = []
    for _ in range(2):
        # Fields follow the name, which is in brackets and may hold anything.
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        found.append(str(process))
    return found


WEIGHTS = "model.safetensors"
ONE_RANK = """
import sys
from dataclasses import replace
from workshop.runner.launch import measure_rank
from workshop.runner.ranks.rank import Rank
from workshop.stages import settings_of
rank, port, model = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
settings = replace(settings_of("tp"), compile=False, model=model)
measure_rank(settings, Rank(rank, 2, rank, port=port), sys.stdout)
"""


def test_a_rank_that_fails_to_load_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    """Its node has no whole copy of the model; the other waits for it in an all-reduce.

    That would take ten minutes.
    """
    broken = tmp_path / "broken"
    shutil.copytree(EMBEDDED / "draft", broken)
    os.truncate(broken / WEIGHTS, 1000)
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_RANK, str(rank), port, str(model)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank, model in enumerate([EMBEDDED / "draft", broken])
    ]
    logs = [process.communicate(timeout=HANG)[0].splitlines() for process in processes]
    result = from_json(logs[0][-1].removeprefix(PREFIX))
    assert result.status == "failed"
    assert result.reason is not None
    assert result.reason.startswith(f"rank 1: {broken / WEIGHTS}: ")
    assert logs[1][0] == f"[rank 1] No complete result: {result.reason.removeprefix('rank 1: ')}"


@pytest.mark.parametrize(
    ("interrupts", "end"),
    [
        (signal.default_int_handler, lambda process: process.send_signal(signal.SIGTERM)),
        (signal.default_int_handler, lambda process: os.killpg(process.pid, signal.SIGINT)),
        (signal.SIG_IGN, lambda process: process.send_signal(signal.SIGTERM)),
    ],
    ids=["SIGTERM", "Ctrl-C", "SIGTERM in the background of a script"],
)
def test_ending_the_command_ends_its_jobs(
    interrupts: Any, end: Callable[[subprocess.Popen], None], tmp_path: Path
) -> None:
    """What a script starts in its background ignores SIGINT, and so does what that starts."""
    command = [sys.executable, "-m", "workshop", "run", "tp", "--no-compile", "--samples", "9999"]
    command += ["--new-tokens", "8", "--model", SMALL]
    mark = {**os.environ, "WORKSHOP_TEST_MARK": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        command,
        env=mark,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, interrupts),
        **pipes,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Time for inference"):
                break
        assert len(marked(tmp_path)) >= 4  # the command, submitit's controller, two ranks
        end(process)
        _, errors = process.communicate(timeout=HANG)
    assert process.returncode not in (0, None)
    assert "Traceback" not in errors
    wait_for(lambda: not marked(tmp_path))


def test_a_run_whose_controller_is_killed_says_so_and_leaves_no_rank(tmp_path: Path) -> None:
    log = reserve_log(tmp_path, "tp")
    killed: list[list[int]] = []

    def each_line(line: str) -> None:
        if line.startswith("WORKSHOP-SAMPLE") and not killed:
            killed.append(list(rank_processes().values()))
            os.kill(int(ancestors(killed[0][0])[0]), signal.SIGKILL)

    result = run_locally(replace(TP, samples=9999, new_tokens=12), log, each_line)
    assert result.status != "ok"
    assert result.reason is not None
    assert "was killed" in result.reason
    size = log.stat().st_size
    wait_for(lambda: not any(Path(f"/proc/{process}").exists() for process in killed[0]))
    assert log.stat().st_size == size  # no rank has written anything since
    assert read_log(log)[-1] == result


def marked(mark: Path) -> list[int]:
    """Processes that have the mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if f"WORKSHOP_TEST_MARK={mark}".encode() in environment:
            found.append(int(entry.name))
    return found
