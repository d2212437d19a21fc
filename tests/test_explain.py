"""One sentence per stage, drawn from its numbers: one for a win, another for a loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import failed, result

from workshop.analysis.explain import why, wider_than
from workshop.record.results import Result

BYTES = {"baseline": 20, "compile": 20, "quantize": 10, "speculative": 10, "tp": 11}


def stage(name: str, speed: float, **fields: object) -> Result:
    bandwidth = BYTES[name] * 1e6 * speed / 1e9
    return result(name, speed, speed, bandwidth_gb_per_second=bandwidth, **fields)


@pytest.mark.parametrize("mbu", [0.1, 0.9])
def test_baseline_tells_what_takes_the_time(mbu: float) -> None:
    said = why(stage("baseline", 100, mbu=mbu), None)
    assert "10 ms" in said
    assert "20 MB" in said
    assert ("calling many small kernels" in said) == (mbu < 0.5)


@pytest.mark.parametrize(
    ("name", "against", "wins", "loses"),
    [
        ("compile", "baseline", "one graph", "little for a graph to save"),
        ("quantize", "compile", "most, not all, of the time", "not what takes the time"),
        ("tp", "quantize", "saves more than two all-reduces", "take longer than"),
    ],
)
def test_a_stage_that_wins_and_one_that_loses_are_told_apart(
    name: str, against: str, wins: str, loses: str
) -> None:
    before = stage(against, 100)
    faster = why(stage(name, 150, world_size=2), before)
    slower = why(stage(name, 60, world_size=2), before)
    assert faster.startswith(f"1.5 times as fast as {against} (10 ms to 6.67 ms a token)")
    assert slower.startswith(f"0.6 times as fast as {against}")
    assert wins in faster
    assert wins not in slower
    assert loses in slower
    assert loses not in faster


def test_quantising_is_not_credited_with_what_the_kernel_did() -> None:
    said = why(stage("quantize", 300), stage("compile", 100))
    assert "reads 2 times fewer bytes" in said
    assert "the int8 kernel also gets more out of this machine" in said


def test_speculation_is_tokens_per_pass_over_the_cost_of_a_pass() -> None:
    before = stage("quantize", 100)
    # 3 tokens a pass at 1.5 times the speed: a pass costs 2 plain steps.
    wins = why(stage("speculative", 150, mean_accepted=2.0, acceptance_rate=2 / 3), before)
    assert "a pass gives 3 tokens (67 % of the proposed tokens are accepted)" in wins
    assert "takes as long as 2 plain steps" in wins
    assert "costs more" not in wins
    loses = why(stage("speculative", 50, mean_accepted=0.5, acceptance_rate=1 / 6), before)
    assert "drafting costs more than it saves" in loses


def test_on_a_cpu_tensor_parallelism_says_why_it_cannot_win() -> None:
    said = why(stage("tp", 50, world_size=2, threads=1), stage("quantize", 100))
    assert "share the cores (1 thread each)" in said
    assert "share the cores" not in why(stage("tp", 50, world_size=2), stage("quantize", 100))


def test_a_stage_without_a_number_says_why() -> None:
    assert why(failed("compile", "no compiler"), None) == "No number: no compiler."


def test_a_stage_whose_predecessor_is_missing_still_has_a_sentence() -> None:
    assert why(stage("compile", 100), None).startswith("A token takes 10 ms")
    assert why(stage("compile", 100), failed("baseline")).startswith("A token takes 10 ms")


def test_every_sentence_ends() -> None:
    before = stage("compile", 100, mbu=0.2)
    for name in BYTES:
        assert why(stage(name, 120, mbu=0.3, mean_accepted=1.0), before).endswith(".")


CACHE = {"model_bytes": 14_000_000, "cache_bytes": 33_554_432}


@pytest.mark.parametrize("name", BYTES)
def test_weights_that_stay_in_a_cache_are_told_with_a_model_that_does_not(name: str) -> None:
    """After why the stage runs as it does, which stays as it is."""
    plain = stage(name, 80, mbu=0.3, mean_accepted=1.0)
    said = why(replace(plain, **CACHE), stage("compile", 100))
    assert said == (
        f"{why(plain, stage('compile', 100))} Its 14 MB of weights fit in the last-level cache of "
        "these cores (33.6 MB), where fewer bytes save little time: to read weights from memory, "
        "use --model tiny or a larger model."
    )


@pytest.mark.parametrize(
    "known",
    [
        {**CACHE, "model_bytes": 33_554_433},
        {**CACHE, "cache_bytes": None},  # a GPU, or a system that does not tell
        {**CACHE, "model_bytes": None},
        {},  # an older record
    ],
)
def test_of_weights_that_no_cache_holds_nothing_is_said_of_caches(known: dict[str, Any]) -> None:
    assert "cache of these cores" not in why(replace(stage("compile", 100), **known), None)


@pytest.mark.parametrize(
    ("cache", "model"),
    [
        (16e6, "--model tiny:2 or a larger model"),
        (33.6e6, "--model tiny or a larger model"),
        (256e6, "--model tiny:8 or a larger model"),
        (1152e6, "--model tiny:16 or a larger model"),
        (4e9, "a larger model"),
    ],
)
def test_the_model_that_is_named_leaves_the_cache_even_in_int8(cache: float, model: str) -> None:
    assert wider_than(int(cache)) == model
