"""What a bar knows besides its numbers: the bars it is divided by, and which are a server's."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from builders import failed, result

from workshop.figures.pooling import Pool, Value, pooled, split_servers
from workshop.record.results import Definition, Result

SERVER = Result(
    None,
    "ok",
    format="vllm-serve",
    definition=Definition("new", "wall clock", "server"),
    tokens_per_second=900.0,
)


def speed(pool: Pool) -> Value | None:
    return pool.tokens_per_second


def bars(*results: Result) -> dict[str, Pool]:
    return {pool.label: pool for pool in pooled(results)}


def test_a_bar_knows_baseline_and_the_stage_that_it_builds_on() -> None:
    known = bars(result("quantize", 160.0), result("compile", 80.0), result("baseline", 40.0))
    quantize = known["quantize"]
    assert quantize.builds_on == "compile"
    assert quantize.baseline is not None
    assert quantize.before is not None
    assert (quantize.baseline.label, quantize.before.label) == ("baseline", "compile")
    assert quantize.factors(speed) == {"baseline": 4.0, "compile": 2.0}
    assert known["baseline"].factors(speed) == {}


def test_of_times_the_smaller_is_the_faster() -> None:
    known = bars(result("compile", 80.0), result("baseline", 40.0))

    def seconds(pool: Pool) -> Value | None:
        return Value(1 / pool.tokens_per_second.mean) if pool.tokens_per_second else None

    assert known["compile"].factors(seconds, smaller_is_faster=True) == {"baseline": 2.0}


@pytest.mark.parametrize(
    "other",
    [
        {"definition": Definition("new", "prefill and decode", "sequence")},
        {"format": "gpt-fast"},
    ],
)
def test_numbers_that_count_otherwise_are_divided_by_nothing(other: dict[str, Any]) -> None:
    known = pooled([result("compile", 80.0), result("baseline", 40.0, **other)])
    assert all(pool.before is None and pool.baseline is None for pool in known)


def test_a_variant_of_a_stage_is_divided_by_the_plain_stage_and_never_stands_for_it() -> None:
    variant = result("compile", 60.0, options={"fuse": True})
    plain, fused = pooled([result("baseline", 40.0), variant])
    assert fused.is_variant
    assert fused.factors(speed) == {"baseline": 1.5}
    (quantize,) = [one for one in pooled([result("quantize", 90.0), variant]) if not one.is_variant]
    assert quantize.before is None
    assert plain.baseline is None


def test_a_stage_without_a_number_gives_no_factor() -> None:
    assert bars(result("compile", 80.0), failed("baseline"))["compile"].factors(speed) == {}


def test_servers_stand_apart_beside_sequences_only() -> None:
    sequence = result("baseline", 40.0)
    assert split_servers([sequence, SERVER]) == ([sequence], [SERVER])
    assert split_servers([SERVER]) == ([SERVER], [])
    assert split_servers([failed("baseline"), SERVER]) == ([failed("baseline"), SERVER], [])
    assert split_servers([]) == ([], [])


def test_thousands_of_bars_are_linked_at_once() -> None:
    runs = [replace(result("baseline", 40.0), device=f"machine {i}") for i in range(3000)]
    begun = time.monotonic()
    assert len(pooled(runs)) == 3000
    assert time.monotonic() - begun < 20
