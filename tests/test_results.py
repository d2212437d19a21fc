"""The record: what is written is what is read, and the numbers follow from the samples."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

import pytest
from builders import result, sample
from hypothesis import given
from hypothesis import strategies as st

from workshop.record import results
from workshop.record.results import (
    SCHEMA,
    RecordError,
    Result,
    Sample,
    from_json,
    sample_from_json,
    settings_from_json,
    spread,
    to_json,
    with_samples,
)
from workshop.stages import settings_of
from workshop.stages.settings import Settings


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that a record is made of; floats are the ones that JSON has."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{name: values_of(hint) for name, hint in hints.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return st.one_of(*(values_of(argument) for argument in arguments))
    if origin is list:
        return st.lists(values_of(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=3)
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    return st.from_type(kind)


records = values_of(Result).map(lambda record: dataclasses.replace(record, schema=SCHEMA))


@given(records)
def test_a_record_written_is_the_record_read(record: Result) -> None:
    assert from_json(to_json(record)) == record


@given(records)
def test_a_record_is_one_line(record: Result) -> None:
    assert not any(ord(char) < 32 for char in to_json(record))


@given(values_of(Sample))
def test_a_sample_written_is_the_sample_read(one: Sample) -> None:
    assert sample_from_json(to_json(one)) == one


@given(values_of(Settings))
def test_settings_written_are_the_settings_read(settings: Settings) -> None:
    assert settings_from_json(to_json(settings)) == settings


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_read_as_unknown(number: float) -> None:
    record = result("baseline", 100, tokens_per_second=number, mbu=number)
    read = from_json(to_json(record))
    assert read.tokens_per_second is None
    assert read.mbu is None


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_json_does_not_have_is_refused(word: str) -> None:
    with pytest.raises(RecordError):
        from_json(f'{{"stage": "tp", "status": "ok", "tokens_per_second": {word}}}')


def test_a_newer_schema_is_refused_and_says_what_to_do() -> None:
    newer = to_json(result("baseline", 100, schema=SCHEMA + 1))
    with pytest.raises(RecordError, match=f"schema {SCHEMA + 1}.*update"):
        from_json(newer)


def test_a_field_that_a_later_version_adds_is_passed_over() -> None:
    assert from_json('{"stage": "tp", "status": "ok", "joules": 3}') == Result("tp", "ok")


@pytest.mark.parametrize(
    ("fields", "culprit"),
    [
        ('"tokens_per_second": "fast"', "tokens_per_second"),
        ('"samples": [{"ttft_seconds": 1, "decode_seconds": 1, "tokens": [1.5]}]', r"tokens\[..."),
        ('"settings": {"stage": "tp", "dtype": "int3"}', "settings.dtype"),
        ('"threads": true', "threads"),
    ],
)
def test_a_wrong_type_is_refused_and_the_field_named(fields: str, culprit: str) -> None:
    with pytest.raises(RecordError, match=culprit):
        from_json(f'{{"stage": "tp", "status": "ok", {fields}}}')


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "{}", '{"stage": "tp"}', b"\xff\xfe{"])
def test_what_is_no_record_is_refused(text: str | bytes) -> None:
    with pytest.raises(RecordError):
        from_json(text)


def test_the_speed_of_a_sample_is_that_of_decode_alone() -> None:
    one = sample(ttft_seconds=3.0, decode_seconds=2.0, tokens=list(range(11)))
    assert one.seconds == 5.0
    assert one.tokens_per_second == 5.0  # 10 tokens after the first, in 2 seconds
    assert one.tpot_seconds == 0.2


@pytest.mark.parametrize(
    "one",
    [
        sample(decode_seconds=0.0, tokens=[1]),
        sample(decode_seconds=0.0, tokens=[1, 2]),
        sample(decode_seconds=1.0, tokens=[]),
    ],
)
def test_a_sample_without_decode_has_no_speed(one: Sample) -> None:
    assert one.tokens_per_second is None
    assert one.tpot_seconds is None


def test_the_numbers_of_a_run_are_the_means_over_its_samples() -> None:
    run = with_samples(
        Result("baseline", "ok"),
        [
            sample(ttft_seconds=0.1, decode_seconds=2.0, tokens=list(range(11))),  # 5 tokens/s
            sample(ttft_seconds=0.3, decode_seconds=1.0, tokens=list(range(11))),  # 10 tokens/s
        ],
    )
    assert run.tokens_per_second == pytest.approx(7.5)
    assert run.tokens_per_second_std == pytest.approx(12.5**0.5)
    assert run.ttft_seconds == pytest.approx(0.2)
    assert run.tpot_seconds == pytest.approx(0.15)
    assert run.new_tokens == 11
    assert run.mean_accepted is None
    assert run.acceptance_rate is None


def test_acceptance_is_counted_over_all_passes() -> None:
    settings = dataclasses.replace(settings_of("speculative"), draft_tokens=4)
    run = with_samples(
        Result("speculative", "ok", settings=settings),
        [sample(verify_passes=5, accepted=15), sample(verify_passes=3, accepted=1)],
    )
    assert run.mean_accepted == 2.0  # 16 tokens in 8 passes
    assert run.acceptance_rate == 0.5  # of the 32 that were proposed


def test_acceptance_by_position_is_over_the_passes_that_guessed_so_far() -> None:
    """As many guesses are counted as were made, where the samples tell it."""
    run = with_samples(
        Result("speculative", "ok", settings=settings_of("speculative")),
        [
            sample(
                verify_passes=5,
                accepted=7,
                proposed_by_position=[5, 4, 2],
                accepted_by_position=[4, 3],
            ),
            sample(
                verify_passes=3,
                accepted=1,
                proposed_by_position=[3],
                accepted_by_position=[1],
            ),
        ],
    )
    assert run.acceptance_by_position == [5 / 8, 3 / 4, 0.0]
    assert run.mean_accepted == 1.0  # 8 tokens in 8 passes
    assert run.acceptance_rate == 8 / 14
    plain = with_samples(Result("quantize", "ok"), [sample()])
    assert plain.acceptance_by_position is None


def test_a_run_without_samples_has_no_numbers() -> None:
    run = with_samples(result("tp", 100, 200), [])
    assert run.samples == []
    assert run.tokens_per_second is None
    assert run.tokens_per_second_std is None
    assert run.ttft_seconds is None
    assert run.new_tokens is None


def test_a_single_value_has_no_spread() -> None:
    assert spread([]) is None
    assert spread([3.0]) is None
    assert spread([1.0, 3.0]) == pytest.approx(2**0.5)


def test_a_label_is_the_stage_and_what_an_option_changed() -> None:
    assert result("tp", 1).label == "tp"
    assert result("tp", 1, options={"quantize": "none"}).label == "tp (quantize none)"
    assert Result("tp", "failed").label == "tp"
    assert Result(None, "failed").label == "unknown"


def test_no_prefix_of_ours_is_the_beginning_of_another() -> None:
    prefixes = [results.PREFIX, results.SAMPLE_PREFIX, results.SETTINGS_PREFIX]
    assert not any(a.startswith(b) for a in prefixes for b in prefixes if a is not b)
