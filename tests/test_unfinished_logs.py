"""Logs without a record, and logs that are too big: what is still said of them."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import pytest
from builders import (
    START,
    WORDS,
    only,
    record_line,
    result,
    results_of,
    sample,
    sample_line,
    settings_line,
)

from workshop.record.readers import ours
from workshop.record.readers.ours import bounded_lines
from workshop.record.results import Result, with_samples
from workshop.stages import STAGES, settings_of

# A log without a record says why


def test_an_empty_log_is_said_to_be_empty() -> None:
    for content in (b"", b"\n\n \r\n"):
        (found,) = results_of(content)
        assert found.status == "failed"
        assert found.reason
        assert "empty" in found.reason


def test_a_run_that_was_stopped_is_told_with_its_last_words() -> None:
    words = "slurmstepd: error: *** JOB 7 ON sim03 CANCELLED DUE TO TIME LIMIT ***"
    found = only(*START, words, "", "  ---")
    assert found.status == "failed"
    assert found.reason
    assert "did not finish" in found.reason
    assert words in found.reason


def test_a_record_cut_off_is_told_from_a_run_without_one() -> None:
    log = "\n".join([*START, record_line(result("compile", 240))])
    (found,) = results_of(log[:-30].encode())
    assert found.tokens_per_second is None
    assert found.reason == "the result line cannot be read: it is cut off"


def test_a_record_of_a_later_version_says_to_update() -> None:
    found = only(record_line(result("compile", 240, schema=99)))
    assert found.reason
    assert "schema 99" in found.reason


def test_the_reason_is_one_line_that_is_safe_to_print() -> None:
    found = only("Stage: tp", "RuntimeError: \x1b]0;gotcha\x07 bell\x07 " + "x" * 5000)
    assert found.reason
    assert found.reason.replace("\N{REPLACEMENT CHARACTER}", "").isprintable()
    assert len(found.reason) < 400


def test_the_stage_is_taken_from_the_line_that_names_it() -> None:
    assert only("Stage: quantize", "Stage: tp", name="job-compile-12.out").stage == "quantize"
    for text in ("Stage: turbo", "The Stage: tp", "Stage: tp and more"):
        assert only(text, name="job-compile-12.out").stage == "compile"


@pytest.mark.parametrize("stage", STAGES)
def test_the_stage_is_else_taken_from_the_files_name(stage: str) -> None:
    assert only("Killed", name=f"job-{stage}-4711_0.out").stage == stage


@pytest.mark.parametrize("name", ["job-turbo-1.out", "job-tp.out", "tp.out", "job-tp-1.txt"])
def test_a_name_that_tells_no_stage_tells_none(name: str) -> None:
    assert only("Killed", name=name).stage is None


def test_a_killed_run_keeps_the_samples_that_it_finished() -> None:
    done = [sample(240), sample(250)]
    found = only(*START, settings_line(), *map(sample_line, done), WORDS[0], "Killed")
    expected = with_samples(Result("compile", "incomplete", settings=settings_of("compile")), done)
    assert found.status == "incomplete"
    assert found.stage == "compile"
    assert found.against == "baseline"
    assert found.samples == done
    assert found.tokens_per_second == expected.tokens_per_second
    assert found.tokens_per_second_std == expected.tokens_per_second_std
    assert found.reason
    assert "2 of 5 samples" in found.reason
    assert "Killed" in found.reason


def test_a_run_begun_again_counts_from_its_new_beginning() -> None:
    """A job that was preempted and put back into the queue goes on in the same log."""
    attempt = [settings_line(), sample_line(sample(100))]
    assert [s.tokens_per_second for s in only(*attempt, *attempt).samples] == [100]


def test_no_more_samples_are_taken_than_were_announced() -> None:
    found = only(settings_line(), *[sample_line(sample(240))] * 9)
    assert len(found.samples) == settings_of("compile").samples == 5


def test_samples_before_a_record_that_is_cut_off_count_and_those_after_it_take_its_place() -> None:
    cut = record_line(result("compile", 9999))[:-1]
    log = [settings_line(), sample_line(sample(240)), cut]
    before = only(*log)
    assert [s.tokens_per_second for s in before.samples] == pytest.approx([240])
    assert before.reason == "the result line cannot be read: it is cut off"
    after = only(*log, sample_line(sample(250)))
    assert [s.tokens_per_second for s in after.samples] == pytest.approx([240, 250])
    assert after.reason
    assert "2 of 5 samples" in after.reason


def test_samples_that_cannot_be_read_push_no_other_out() -> None:
    broken = [sample_line(sample())[:-1], sample_line(sample(decode_seconds=-1.0))] * 100
    found = only(settings_line(), *broken, sample_line(sample(240)), *broken)
    assert [s.tokens_per_second for s in found.samples] == pytest.approx([240])


# Big files


def test_lines_come_out_whole_whatever_the_pieces() -> None:
    text = "a" * 65_535 + "\r\n" + "ü" * 40_000 + "\n\nend"
    assert list(bounded_lines(io.BytesIO(text.encode()))) == text.replace("\r\n", "\n").split("\n")


def test_a_line_too_long_is_passed_over() -> None:
    content = b"one\n" + b"x" * 1_000_000 + b"\ntwo\n" + b"y" * 1_000_000
    lines = list(bounded_lines(io.BytesIO(content), longest=1000))
    assert lines == ["one", ours.SKIPPED, "two", ours.SKIPPED]


class Endless(io.RawIOBase):
    """A file of one line, far larger than what may be held in memory, and a record after it."""

    def __init__(self, length: int, end: bytes) -> None:
        self.pieces = self.generate(length, end)

    def generate(self, length: int, end: bytes) -> Iterator[bytes]:
        for _ in range(length >> 16):
            yield b"x" * (1 << 16)
        yield b"\n" + end

    def read(self, size: int = -1) -> bytes:
        return next(self.pieces, b"")


def test_a_huge_line_is_never_held_in_memory() -> None:
    record = result("compile", 240)
    file = Endless(100_000_000, record_line(record).encode())
    tracemalloc.start()
    try:
        lines = bounded_lines(file, longest=1_000_000)  # type: ignore[arg-type]
        assert ours.results_in(lines, "some.log") == [record]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
