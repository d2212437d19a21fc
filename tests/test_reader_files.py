"""Files of logs: each is read once, in the order given, whatever it is and whatever it holds."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from builders import record_line, result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workshop.record.readers import Reading, read_logs
from workshop.record.readers.ours import read_log
from workshop.util.errors import UsageError

quick = settings(max_examples=150)


def test_readings_come_with_their_files_in_the_order_given(tmp_path: Path) -> None:
    records = {tmp_path / f"{name}.out": result(name, 100) for name in ("tp", "baseline")}
    for path, record in records.items():
        path.write_text(record_line(record))
    assert read_logs(records) == [Reading(path, record) for path, record in records.items()]
    assert read_log(tmp_path / "tp.out") == [records[tmp_path / "tp.out"]]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "job.out"
    path.write_text(record_line(result("tp", 100)))
    (tmp_path / "link.out").symlink_to(path)
    other = tmp_path / "other.out"
    other.touch()
    paths = [path, other, tmp_path / "." / "job.out", tmp_path / "link.out"]
    assert [reading.path for reading in read_logs(paths)] == [path, other]


def test_a_path_that_cannot_be_read_is_the_users_mistake(tmp_path: Path) -> None:
    loop = tmp_path / "loop.out"
    loop.symlink_to(loop)
    mistakes = {
        tmp_path / "none.out": "there is no file .*none.out",
        tmp_path: r"is a directory.*/job\*.out",
        loop: "cannot read .*loop.out",
        tmp_path / ("x" * 300): "cannot read .*xxx",
        Path("a\0b"): "cannot read 'a.x00b'",
    }
    for path, sentence in mistakes.items():
        with pytest.raises(UsageError, match=sentence):
            read_logs([path])


def test_a_log_that_comes_through_a_pipe_is_read(tmp_path: Path) -> None:
    record = result("compile", 240)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = f"Stage: compile\n{record_line(record)}\n"
    with subprocess.Popen(["sh", "-c", 'printf %s "$1" > "$2"', "sh", text, str(pipe)]):
        assert read_logs([pipe]) == [Reading(pipe, record)]


@quick
@given(st.binary(max_size=3000))
@example(b"\xff\xfe")
@example(b"[" * 100_000)
@example(b'{"a": ' * 100_000)
@example(b"a,b,c\n" + b'"' * 1000)
@example(b"[1e999, NaN]")
def test_no_bytes_are_too_strange_for_any_format(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "some.log")
        log.write_bytes(content)
        (found,) = read_logs([log])
    assert found.result.status == "failed"
    assert found.result.tokens_per_second is None
    assert found.result.reason
