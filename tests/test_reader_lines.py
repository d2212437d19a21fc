"""Of a log only the lines that matter are looked at, however long it is."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest
from builders import record_line, result
from hypothesis import given, settings
from hypothesis import strategies as st

from workshop.record.readers import lines, read_logs

quick = settings(max_examples=150)

log_bytes = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                b"\n",
                b"\r",
                b"\r\n",
                b"\0\0",
                b"needle",
                b"pin: 7",
                b"\xef\xbb\xbf",
                b"\x1b[31m",
                b"{",
            ]
        ),
    ),
    max_size=40,
).map(b"".join)


@quick
@given(log_bytes, st.integers(1, 30))
def test_the_lines_with_a_needle_are_found_whatever_the_pieces(log: bytes, block: int) -> None:
    needles = (b"needle", b"pin:")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", max(block, 2))
        found = list(lines.needle_lines(io.BytesIO(log), needles))
    if log[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return  # in UTF-16 these are other characters
    cleaned = log.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").replace(b"\r", b"\n")
    expected = [line for line in cleaned.split(b"\n") if any(one in line for one in needles)]
    assert found == [lines.visible(line.decode(errors="replace")) for line in expected]


def test_lines_far_from_an_anchor_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 1000)
    far, filling = b"needle far\n", b"x" * 99 + b"\n"
    log = far + filling * 30 + b"needle near\nanchor\nneedle near\n" + filling * 30 + far
    found = lines.needle_lines(io.BytesIO(log), (b"needle",), (b"anchor",))
    assert list(found) == ["needle near", "needle near"]


@quick
@given(log_bytes, st.lists(st.sampled_from([b"needle", b"pin: 7", b"Pin", b"x"]), min_size=1))
def test_words_that_are_in_a_log_are_found(log: bytes, words: list[bytes]) -> None:
    if log[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return  # in UTF-16 these are other characters
    cleaned = log.replace(b"\0", b"").replace(b"\r", b"\n")
    there = [any(word in cleaned for word in group) for group in ([b"not"], words, words[:1])]
    sought = [[b"not"], words, words[:1]]
    assert lines.which_are_in(io.BytesIO(log), sought) == there


def test_the_search_for_words_ends_where_the_first_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "BLOCK", 10)
    log = io.BytesIO(b"one\nfiller\n" + b"filler\n" * 100 + b"two\n")
    assert lines.which_are_in(log, [[b"one"], [b"two"]]) == [True, False]
    assert log.tell() < 100


def test_a_log_of_which_all_but_the_end_is_text_takes_no_memory(tmp_path: Path) -> None:
    record = result("compile", 240)
    log = tmp_path / "job.out"
    with log.open("wb") as file:
        file.seek(200_000_000)  # a hole: no disk is used
        file.write(b"\n" + record_line(record).encode())
    tracemalloc.start()
    try:
        assert [reading.result for reading in read_logs([log])] == [record]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_long_log_without_a_record_says_why_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "job-tp-1.out"
    text = "the model says so\n" * 300_000
    log.write_text(
        f"Stage: compile\n{text}ModuleNotFoundError: No module named 'torch'\n{text[:200]}"
    )
    (found,) = read_logs([log])
    assert found.result.stage == "compile"
    assert found.result.reason
    assert "torch is not installed" in found.result.reason
