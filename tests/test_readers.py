"""Reading our own logs: what a run wrote comes back, and nothing else is ever taken for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import (
    START,
    WORDS,
    failed,
    only,
    record_line,
    result,
    results_of,
    sample,
    sample_line,
    settings_line,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workshop.readers import Reading, read_logs
from workshop.readers.ours import one_line, read_log
from workshop.results import (
    PREFIX,
    SAMPLE_PREFIX,
    SETTINGS_PREFIX,
    to_json,
)
from workshop.stages import UsageError, settings_of

quick = settings(max_examples=150)


# A record is found


def test_the_record_at_the_end_of_a_log_is_its_result() -> None:
    record = result("compile", 240, 250)
    assert only(*START, settings_line(), *WORDS, record_line(record)) == record


def test_a_failed_run_has_a_record_too() -> None:
    assert only(*START, record_line(failed("compile"))) == failed("compile")


def test_logs_put_together_give_a_result_for_each() -> None:
    first, second = result("baseline", 100), result("compile", 200)
    runs = [settings_line("baseline"), record_line(first), settings_line(), record_line(second)]
    assert results_of("\n".join(runs).encode()) == [first, second]
    assert results_of("\n".join([runs[1], runs[3]]).encode()) == [first, second]


def test_what_json_option_prints_is_read_too() -> None:
    record = result("tp", 30)
    assert only(to_json(record)) == record


@pytest.mark.parametrize(
    "log",
    [
        "{line}",  # the last newline is missing
        "{line}\r\n",
        "Loading: 50%\rLoading: 100%\r{line}\n",
        "\x1b[?25h\x1b[0m{line}\x1b[K\n",
        "\x1b]0;a title\x07{line}\n",
        "\0\0\0\0{line}\n",  # a hole that a truncated file was continued after
        "\ufeff{line}\n",
    ],
)
def test_what_a_terminal_would_not_show_does_not_hide_a_record(log: str) -> None:
    record = result("compile", 240)
    assert results_of(log.format(line=record_line(record)).encode()) == [record]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_log_that_was_saved_in_another_encoding_is_read(encoding: str) -> None:
    record = result("compile", 240, reason="größer ✓ 😀")
    log = f"Stage: compile\nÄ\n{record_line(record)}\n"
    assert results_of(log.encode(encoding)) == [record]


lines_of_text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))
garbage = st.lists(
    st.one_of(
        lines_of_text,
        lines_of_text.map(lambda text: PREFIX + text),
        lines_of_text.map(lambda text: SAMPLE_PREFIX + text),
        st.sampled_from([*START, *WORDS, "WORKSHOP-RESULT", "\x1b[31m", "Stage: tp"]),
    ),
    max_size=6,
)


@quick
@given(garbage, garbage, st.lists(st.floats(1, 1e6), min_size=1, max_size=3))
def test_a_record_between_garbage_is_read_as_it_was_written(
    before: list[str], after: list[str], speeds: list[float]
) -> None:
    record = result("quantize", *speeds)
    log = "\n".join([*before, record_line(record), *after])
    assert results_of(log.encode()) == [record]


# Nothing is invented


@quick
@given(st.binary(max_size=2000))
@example(b"\xff\xfe\x00")
@example(PREFIX.encode() + b"[" * 100_000)
@example(b'{"stage": "tp", "status": "ok", "x": ' + b"[" * 100_000)
@example(b"\x1b" * 1000)
def test_any_bytes_give_one_result_without_a_number(content: bytes) -> None:
    (found,) = results_of(content)
    assert found.tokens_per_second is None
    assert found.status == "failed"
    assert found.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@quick
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "ttft_seconds": st.floats() | json_values,
                "decode_seconds": st.floats(),
                "tokens": st.lists(st.integers(0, 9), max_size=4) | json_values,
                "text": st.text(max_size=3),
            },
            optional={"verify_passes": st.integers(), "accepted": st.integers()},
        ),
        max_size=4,
    ),
    st.integers(),
)
def test_samples_with_impossible_numbers_never_raise(
    samples: list[dict[str, object]], draft_tokens: int
) -> None:
    announced = json.loads(to_json(settings_of("speculative"))) | {"draft_tokens": draft_tokens}
    log = [SETTINGS_PREFIX + json.dumps(announced)]
    log += [SAMPLE_PREFIX + json.dumps(one) for one in samples]
    found = only(*log)
    assert all(one.ttft_seconds >= 0 and one.decode_seconds >= 0 for one in found.samples)


@pytest.mark.parametrize(
    "line",
    [
        "WORKSHOP-RESULT 9999 tokens/sec",
        " " + record_line(result("tp", 9999)),
        "> " + record_line(result("tp", 9999)),
        "The log says " + record_line(result("tp", 9999)),
        record_line(result("tp", 9999))[:-1],
        record_line(result("tp", 9999)) + " and so on",
        sample_line(sample(9999)),  # without settings before it, nothing says whose
        "Average tokens/sec: 9999.00",
        "Time for inference 1: 0.83 sec total, 9999.00 tokens/sec",
    ],
)
def test_text_that_imitates_a_result_is_not_one(line: str) -> None:
    found = only("Stage: compile", line, "Goodbye.")
    assert found.stage == "compile"
    assert found.tokens_per_second is None
    assert found.samples == []


def test_of_a_runs_records_the_last_counts() -> None:
    imitated, real = result("compile", 9999), result("compile", 240)
    log = [settings_line(), record_line(imitated), sample_line(sample()), record_line(real)]
    assert only(*log) == real


def test_a_record_that_a_sample_follows_was_not_the_end_of_the_run() -> None:
    log = [settings_line(), record_line(result("compile", 9999)), sample_line(sample(240))]
    found = only(*log)
    assert found.status == "incomplete"
    assert found.tokens_per_second == pytest.approx(240)


def test_a_record_of_a_stage_that_is_not_known_is_refused() -> None:
    unknown = to_json(result("compile", 240)).replace('"compile"', '"turbo"')
    found = only("Stage: compile", PREFIX + unknown)
    assert found.tokens_per_second is None
    assert found.reason
    assert "turbo" in found.reason


# Several files


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


def test_text_for_a_sentence_is_one_short_line() -> None:
    assert one_line("  two\n\tlines ") == "two lines"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"
