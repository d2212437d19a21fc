"""Reading optimum-benchmark's reports: numbers with their units, of every version and of none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from reader_corpus import assert_nothing_invented, broken_documents, check, logs_of

from workshop.record.readers import optimum
from workshop.record.readers.units import gigabytes, number, parameters, seconds, size_in_bytes
from workshop.record.results import Result

quick = settings(max_examples=150, deadline=None)


def report(**decode: Any) -> Result:
    throughput = {"unit": "tokens/s", "value": 40.0}
    (run,) = optimum.results({"decode": {"throughput": throughput, **decode}}, "x.json")
    return run


@pytest.mark.parametrize("log", logs_of("optimum"), ids=lambda log: log.name)
def test_what_is_expected_is_read_and_nothing_else(log: Path) -> None:
    check(log, optimum)


@pytest.mark.parametrize("unit", ["samples/s", "images/s", None, 3])
def test_only_tokens_per_second_are_tokens_per_second(unit: object) -> None:
    run = report(throughput={"unit": unit, "value": 40.0}, latency={"unit": "s", "mean": 1.0})
    assert (run.status, run.tokens_per_second) == ("incomplete", None)


def test_memory_is_what_the_allocator_counted_if_it_did() -> None:
    memory = {"unit": "MB", "max_ram": 900.0, "max_process_vram": 800.0, "max_allocated": 700.0}
    run = report(memory=memory)
    assert (run.memory_gb, run.memory_kind) == (0.7, "peak of the allocator")
    assert run.peak_rss_gb == 0.9


def test_a_memory_of_unknown_unit_is_not_known() -> None:
    assert report(memory={"unit": "pages", "max_ram": 900.0}).memory_gb is None


@pytest.mark.parametrize("config", [None, 3, [], {}, {"scenario": None}, {"backend": "pytorch"}])
def test_a_report_beside_broken_settings_is_a_report(config: object) -> None:
    document = {"config": config, "report": {"decode": {"latency": {"unit": "s"}}}}
    assert all(run.model is None for run in optimum.results(document, "x.json"))


def test_new_tokens_are_known_only_where_their_number_was_forced() -> None:
    kwargs = {"max_new_tokens": 20, "min_new_tokens": 1}
    config = {"scenario": {"generate_kwargs": kwargs}}
    document = {"config": config, "report": {"decode": {"latency": {"unit": "s"}}}}
    assert optimum.results(document, "x.json")[0].new_tokens is None


# Numbers and units, for all readers


@pytest.mark.parametrize(
    "value", ["nan", "inf", "-1", "1e13", "1_0", "٣", "", "x", 10**400, True, None, -0.5, [1.0]]
)
def test_what_cannot_have_been_measured_is_no_number(value: object) -> None:
    assert number(value) is None


def test_units_are_converted() -> None:
    assert seconds("12.5", "ms") == 0.0125
    assert gigabytes(2, "GiB") == 2.147483648
    assert gigabytes("1500", "MB") == 1.5
    assert size_in_bytes("1.5", "KiB") == 1536
    assert parameters("6.74", "B") == 6_740_000_000
    assert seconds(1.0, "parsecs") is None


@quick
@given(broken_documents("optimum"))
def test_no_document_breaks_it(document: Any) -> None:
    assert_nothing_invented(optimum.results(document, "x.json"), json.dumps(document))
