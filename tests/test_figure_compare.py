"""The comparison: who is told apart from whom, and what stands side by side."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from builders import failed, result
from figure_parts import names, notes, panel, rectangles, small_type
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from workshop.figures.compare import cautions, compare
from workshop.figures.groups import grouped
from workshop.figures.theme import NothingToDrawError
from workshop.record.results import Definition, Result, Versions

SPEEDS = {"baseline": 40.0, "compile": 100.0, "quantize": 160.0}


def progression_of(factor: float = 1.0, **fields: Any) -> list[Result]:
    return [result(stage, factor * speed, **fields) for stage, speed in SPEEDS.items()]


CLASS = [
    *progression_of(1.0, user="ada", host="n1"),
    *progression_of(2.0, user="grace", host="n2"),
    *progression_of(4.0, user="ken", host="n3"),
]
MANY = [run for i in range(9) for run in progression_of(1 + i, user=f"edu{i}")]


def heights(figure: Figure, slot: int) -> list[float]:
    """Heights of the bars over a name, from left to right."""
    bars = [(x, top) for x, _, top in rectangles(panel(figure)) if round(x) == slot]
    return [top for _, top in sorted(bars)]


def legend(figure: Figure) -> list[str]:
    found = panel(figure).get_legend()
    return [text.get_text() for text in found.get_texts()] if found else []


def stars(figure: Figure) -> list[str]:
    return [text.get_text() for text in panel(figure).texts if "★" in text.get_text()]


# Who is told apart


@pytest.mark.parametrize(
    ("field", "values", "name"),
    [
        ("device", ("A100", "MI250X"), "device"),
        ("model", ("tiny", "random:110m"), "model"),
        ("model_parameters", (108_806_400, 6_967_360), "model"),  # one is from before it was wide
        ("user", ("ada", "grace"), "user"),
        ("host", ("n1", "n2"), "host"),
        ("batch_size", (1, 8), "batch size"),
        ("versions", (Versions("1", "3.11", "2.7"), Versions("1", "3.11", "2.9")), "torch"),
    ],
)
def test_groups_are_told_apart_by_what_differs(
    field: str, values: tuple[Any, Any], name: str
) -> None:
    one, other = (progression_of(**{field: value}) for value in values)
    fields, groups = grouped([*one, *other])
    assert fields == [name]
    assert [group.runs for group in groups] == [one, other]


def test_what_differs_only_between_stages_tells_nobody_apart() -> None:
    runs = [result("quantize", 40, host="n1"), result("tp", 50, host="n2", threads=1)]
    fields, groups = grouped(runs)
    assert fields == []
    assert len(groups) == 1


def test_a_field_that_follows_from_another_is_not_named() -> None:
    fields, _ = grouped(CLASS)
    assert fields == ["user"]


def test_a_second_field_is_named_only_where_the_first_does_not_tell_all_apart() -> None:
    runs = [
        result("tp", 1, device="A100", user="ada"),
        result("tp", 2, device="A100", user="ken"),
        result("tp", 3, device="H100", user="ada"),
    ]
    fields, groups = grouped(runs)
    assert fields == ["device", "user"]
    assert [group.values for group in groups] == [
        ("A100", "ada"),
        ("A100", "ken"),
        ("H100", "ada"),
    ]


users = st.sampled_from(["ada", "ken", None])
RUN = st.builds(
    lambda stage, user, device, host: result(stage, 10.0, user=user, device=device, host=host),
    st.sampled_from(list(SPEEDS)),
    users,
    st.sampled_from(["A100", "H100", None]),
    st.sampled_from(["n1", "n2"]),
)


@given(st.lists(RUN, max_size=8))
def test_every_run_is_in_one_group_and_no_group_has_a_stage_from_two_sides(
    runs: list[Result],
) -> None:
    _, groups = grouped(runs)
    members = [id(run) for group in groups for run in group.runs]
    assert sorted(members) == sorted(id(run) for run in runs)
    for group in groups:
        sides = {(run.label, run.user, run.device, run.host) for run in group.runs}
        assert len(sides) == len({run.label for run in group.runs})


# What is drawn


def test_each_stage_has_a_bar_for_each_group_in_their_order() -> None:
    figure = compare(CLASS)
    assert names(panel(figure)) == list(SPEEDS)
    for slot, speed in enumerate(SPEEDS.values()):
        assert heights(figure, slot) == pytest.approx([speed, 2 * speed, 4 * speed])
    assert legend(figure) == ["user ada", "user grace", "user ken"]
    assert "3 groups, told apart by user" in small_type(figure)
    assert panel(figure).get_ylabel() == "tokens/s"


def test_the_median_over_groups_is_a_line_with_its_factors() -> None:
    figure = compare(CLASS)
    assert "median 200\n2.50× baseline" in notes(panel(figure))[1]
    assert "median 320\n4.00× baseline\n1.60× compile" in notes(panel(figure))[2]
    levels = [line.get_ydata()[0] for line in panel(figure).lines if line.is_dashed()]  # type: ignore[index]
    assert levels == pytest.approx([80.0, 200.0, 320.0])


def test_a_groups_factor_is_against_its_own_baseline() -> None:
    runs = [*progression_of(1.0, user="ada"), result("compile", 500, user="ken")]
    assert "median 300\n2.50× baseline" in notes(panel(compare(runs)))[1]


def test_the_bar_of_a_user_is_starred() -> None:
    assert stars(compare(CLASS, mine="grace")) == ["80.0 ★", "200 ★", "320 ★"]
    assert "user grace ★" in legend(compare(CLASS, mine="grace"))
    assert stars(compare(CLASS, mine="nobody")) == []


def test_alone_nobody_needs_a_star() -> None:
    runs = [*progression_of(user="ada", device="A"), *progression_of(user="ada", device="B")]
    assert stars(compare(runs, mine="ada")) == []


def test_many_groups_stand_in_the_order_of_their_speed_and_only_mine_is_named() -> None:
    figure = compare(MANY[::-1], mine="edu3")
    assert heights(figure, 0) == pytest.approx([40.0 * (1 + i) for i in range(9)])
    assert legend(figure) == ["user edu3 ★", "8 others"]
    assert len(stars(figure)) == len(SPEEDS)
    assert legend(compare(MANY)) == ["9 groups"]


def test_a_group_without_a_result_of_a_stage_has_a_dash_not_a_zero() -> None:
    figure = compare(CLASS[:-1])
    assert len(heights(figure, 2)) == 2
    assert "–" in notes(panel(figure))[2]
    assert "dash: no result" in small_type(figure)


def test_a_failed_stage_is_named() -> None:
    assert "no tokens/s of: tp" in small_type(compare([*CLASS, failed("tp")]))


def test_what_is_compared_needs_no_caution_and_what_differs_besides_does() -> None:
    runs = [*progression_of(device="A100"), *progression_of(device="H100")]
    assert cautions(runs) == []
    (sentence,) = cautions([*runs[:3], *progression_of(device="H100", prompt_tokens=600)])
    assert "lengths of the prompt" in sentence


def test_what_counts_differently_has_no_median() -> None:
    total = Definition("new", "prefill and decode", "sequence")
    foreign = [dataclasses.replace(run, format="gpt-fast", definition=total) for run in CLASS[:3]]
    figure = compare([*CLASS[:3], *foreign])
    assert not any("median" in text for texts in notes(panel(figure)).values() for text in texts)
    assert "no median" in small_type(figure)
    assert "count differently" in small_type(figure)


@pytest.mark.parametrize("runs", [[], [failed("tp")], CLASS[:3]])
def test_with_one_group_there_is_nothing_to_compare(runs: list[Result]) -> None:
    with pytest.raises(NothingToDrawError):
        compare(runs)
