"""Reading our own logs: what a run wrote comes back, and nothing else is ever taken for it."""

from __future__ import annotations

import io
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
from reader_corpus import EXPECTED, logs_of

from workshop.record.readers import ours, read_logs
from workshop.record.readers.entries import entry
from workshop.record.readers.ours import one_line
from workshop.record.results import PREFIX, SAMPLE_PREFIX, SETTINGS_PREFIX, to_json
from workshop.stages import settings_of

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


@quick
@given(garbage, garbage, st.booleans())
def test_looking_at_records_alone_gives_what_looking_at_all_lines_gives(
    before: list[str], after: list[str], announced: bool
) -> None:
    record = result("compile", 240)
    log = [*before, *([settings_line()] if announced else []), record_line(record), *after]
    content = "\n".join(log).encode()
    whole = ours.records(io.BytesIO(content)).whole
    assert whole in ([], results_of(content))


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
            optional={
                "verify_passes": st.integers(),
                "accepted": st.integers(),
                "proposed_by_position": st.lists(st.integers(), max_size=3),
                "accepted_by_position": st.lists(st.integers(), max_size=3),
            },
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


def test_text_for_a_sentence_is_one_short_line() -> None:
    assert one_line("  two\n\tlines ") == "two lines"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"


# A corpus: what each log says stands beside it


@pytest.mark.parametrize("log", logs_of("ours"), ids=lambda path: path.stem)
def test_a_log_says_what_stands_beside_it(log: Path) -> None:
    expected = json.loads(log.with_name(log.name + EXPECTED).read_text())
    found = [entry(reading) for reading in read_logs([log])]
    assert [{key: one[key] for key in want} for one, want in zip(found, expected, strict=True)] == (
        expected
    )
