"""What tells runs apart: pools, names, and the two sides of a comparison."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
from builders import result
from hypothesis import given
from hypothesis import strategies as st

from workshop.analysis.compare import SPEED, compare
from workshop.analysis.identity import identity, in_words, names_of
from workshop.figures.pooling import pooled
from workshop.record.results import Definition, Result, Versions

SERVED = Definition("new", "wall clock", "server")


def served(concurrency: int | None, speed: float = 100.0, **fields: object) -> Result:
    run = Result(
        None,
        "ok",
        format="vllm-serve",
        definition=SERVED,
        concurrency=concurrency,
        tokens_per_second=speed,
    )
    return dataclasses.replace(run, **fields)  # type: ignore[arg-type]


def bench(new: int = 128, speed: float = 100.0, **conditions: object) -> Result:
    return Result(
        None,
        "ok",
        format="llama-bench",
        tokens_per_second=speed,
        prompt_tokens=0,
        new_tokens=new,
        conditions=conditions,  # type: ignore[arg-type]
    )


# Pools


def test_the_points_of_a_sweep_are_bars_of_their_own() -> None:
    pools = pooled([served(1), served(16), served(128)])
    assert [pool.label for pool in pools] == [
        "vllm-serve (concurrency 1)",
        "vllm-serve (concurrency 16)",
        "vllm-serve (concurrency 128)",
    ]


def test_repeats_of_the_same_settings_are_one_bar() -> None:
    (one, many) = pooled([served(1), served(16, 900.0), served(16, 1000.0)])
    assert len(one.runs) == 1
    assert [run.tokens_per_second for run in many.runs] == [900.0, 1000.0]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("flash attention", (True, False), "flash attention off"),
        ("depth", (0, 32768), "depth 32768"),
        ("request rate, 1/s", (1.0, 4.5), "request rate 4.5/s"),
        ("KV cache K type", ("f16", "q8_0"), "KV cache K type q8_0"),
        ("GPU layers", (0, 99), "GPU layers 99"),
    ],
)
def test_any_setting_of_the_source_keeps_runs_apart_and_names_them(
    name: str, values: tuple[Any, Any], words: str
) -> None:
    labels = [pool.label for pool in pooled([bench(**{name: value}) for value in values])]
    assert f"llama-bench tg128 ({words})" in labels
    assert len(labels) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"device": "NVIDIA A100"},
        {"threads": 8},
        {"batch_size": 4},
        {"prompt_tokens": 512},
        {"model": "llama-7b"},
        {"dtype": "float16"},
        {"versions": Versions("0.2.0", "3.12", torch="2.13.0")},
    ],
    ids=str,
)
def test_runs_of_ours_that_differ_are_not_pooled(fields: dict[str, object]) -> None:
    run = result("compile", 100.0)
    assert len(pooled([run, dataclasses.replace(run, **fields)])) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"new_tokens": 20}, {"temperature": 0.8}, {"chat": True}, {"prompt": "Bye"}, {"top_k": 3}],
    ids=str,
)
def test_runs_of_ours_that_were_asked_other_things_are_not_pooled(
    options: dict[str, object],
) -> None:
    assert len(pooled([result("compile", 100.0), result("compile", 100.0, options=options)])) == 2


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"host": "node2", "user": "ken", "started": "2026-01-01T00:00:00"}, {}),
        ({}, {"seed": 7}),
        ({}, {"samples": 50}),
        ({"memory_gb": 1.0, "load_seconds": 3.0, "compile_seconds": 5.0}, {}),
    ],
    ids=str,
)
def test_repeats_elsewhere_and_measurements_keep_nothing_apart(
    fields: dict[str, object], options: dict[str, object]
) -> None:
    other = dataclasses.replace(result("compile", 90.0, options=options), **fields)  # type: ignore[arg-type]
    assert len(pooled([result("compile", 100.0), other])) == 1


def test_a_model_is_the_same_wherever_it_lies() -> None:
    run = result("compile", 100.0, model="/home/ada/models/llama-7b")
    assert len(pooled([run, dataclasses.replace(run, model="/scratch/ken/llama-7b")])) == 1


conditions = st.dictionaries(
    st.sampled_from(["depth", "threads of the client", "flash attention", "x" * 80]),
    st.one_of(st.booleans(), st.integers(), st.text(max_size=90)),
    max_size=3,
)
runs = st.lists(
    st.builds(
        lambda concurrency, found: dataclasses.replace(served(concurrency), conditions=found),
        st.one_of(st.none(), st.integers(1, 3)),
        conditions,
    ),
    max_size=6,
)


@given(runs)
def test_two_runs_have_one_name_if_and_only_if_they_are_alike(found: list[Result]) -> None:
    names = names_of(found)
    for (one, name), (other, other_name) in itertools.combinations(
        zip(found, names, strict=True), 2
    ):
        assert (name == other_name) == (identity(one) == identity(other))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("depth", 4096, "depth 4096"),
        ("flash attention", True, "flash attention on"),
        ("request rate, 1/s", 4.0, "request rate 4/s"),
        ("KV cache, GB", 2.5, "KV cache 2.5 GB"),
    ],
)
def test_a_condition_is_told_in_words(name: str, value: float, words: str) -> None:
    assert in_words(name, value) == words


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"model_bytes": 4_700_000_000}, "llama-bench tg128 (4.7 GB of weights)"),
        ({"model_parameters": 8_190_000_000}, "llama-bench tg128 (8.19 G parameters)"),
        ({"conditions": {"build": "b 8000"}}, "llama-bench tg128 (build b 8000)"),
    ],
    ids=str,
)
def test_files_of_one_name_and_builds_are_told_apart(fields: Any, label: str) -> None:
    run = dataclasses.replace(
        bench(build="a 7431"), model="llama", model_bytes=4_580_000_000, model_parameters=8 * 10**9
    )
    assert label in [pool.label for pool in pooled([run, dataclasses.replace(run, **fields)])]


# Comparisons


def test_two_builds_are_compared() -> None:
    found = compare([bench(build="a 7431")], [bench(build="b 8000", speed=110.0)])
    assert [one.label for one in found.changes] == ["llama-bench tg128"]


def test_a_run_that_several_could_be_refuses_no_others() -> None:
    """What is left over is not refused as another model where more than one run is."""
    old = [
        dataclasses.replace(bench(**{"flash attention": "off"}), model="llama"),
        dataclasses.replace(bench(**{"flash attention": "on"}), model="llama"),
        dataclasses.replace(bench(**{"flash attention": "on"}), model="qwen"),
    ]
    found = compare(old, [dataclasses.replace(bench(), model="llama")])
    assert found.changes == []
    assert len(found.missing) == 3


def test_a_run_is_found_again_whatever_else_is_in_the_file() -> None:
    prefill = dataclasses.replace(
        bench(new=0, speed=4000.0),
        prompt_tokens=512,
        definition=Definition("prompt", "prefill", "sequence"),
    )
    found = compare([prefill, bench()], [bench()])
    (change,) = [change for change in found.changes if change.metric == SPEED]
    assert (change.label, change.old, change.new, change.percent) == (
        "llama-bench tg128",
        pytest.approx(100),
        pytest.approx(100),
        pytest.approx(0),
    )
    assert list(found.missing) == ["llama-bench pp512"]
    found = compare([bench()], [prefill, bench()])
    assert [change.label for change in found.changes] == ["llama-bench tg128"]
    assert found.added == ["llama-bench pp512"]


def test_each_point_of_a_sweep_is_held_against_its_own() -> None:
    old = [served(1, 100.0), served(16, 1000.0), served(128, 6000.0)]
    new = [served(128, 9000.0), served(1, 100.0), served(16, 500.0)]
    percents = {one.label: one.percent for one in compare(old, new).changes}
    assert percents == {
        "vllm-serve (concurrency 1)": pytest.approx(0),
        "vllm-serve (concurrency 16)": pytest.approx(-50),
        "vllm-serve (concurrency 128)": pytest.approx(50),
    }


def test_points_that_only_one_side_has_are_named() -> None:
    found = compare([served(1), served(16)], [served(1), served(64)])
    assert list(found.missing) == ["vllm-serve (concurrency 16)"]
    assert found.added == ["vllm-serve (concurrency 64)"]


def test_another_point_of_a_sweep_is_no_counterpart() -> None:
    found = compare([served(1)], [served(16)])
    assert found.changes == []


def test_what_one_side_does_not_tell_keeps_nothing_apart() -> None:
    """An older version of a tool prints fewer of its settings."""
    assert len(compare([served(None)], [served(16)]).changes) == 1


def test_where_several_could_be_meant_none_is_taken() -> None:
    found = compare([served(None)], [served(1), served(16)])
    assert found.changes == []
    (why,) = found.missing.values()
    assert "several runs match it" in why


def test_two_machines_are_compared() -> None:
    old = result("compile", 100.0, device="NVIDIA A100", threads=8)
    new = result("compile", 200.0, device="NVIDIA H100", threads=16)
    assert {change.label for change in compare([old], [new]).changes} == {"compile"}


def test_of_two_machines_on_a_side_each_is_held_against_itself() -> None:
    slow, fast = (
        result("compile", speed, device=device) for speed, device in ((100.0, "A"), (200.0, "B"))
    )
    speeds = [one for one in compare([slow, fast], [fast, slow]).changes if one.metric == SPEED]
    assert [one.percent for one in speeds] == [pytest.approx(0)] * 2
    assert [one.label for one in speeds] == ["compile (A)", "compile (B)"]
