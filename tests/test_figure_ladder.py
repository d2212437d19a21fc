"""The ladder: each stage as a step from the one that it builds on, under its ceiling."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from builders import failed, result
from figure_parts import names, notes, panel, rectangles, small_type
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from workshop.analysis.predicted import Predicted
from workshop.figures.ladder import ladder, predicted_ladder, predictions
from workshop.figures.stacking import Note, stacked
from workshop.figures.steps import ceiling_of
from workshop.figures.theme import NothingToDrawError
from workshop.record.results import Definition, Result
from workshop.roofline.against import against
from workshop.stages import STAGES

SPEEDS = {"baseline": 40.0, "compile": 100.0, "quantize": 160.0, "speculative": 240.0, "tp": 80.0}
RUNS = [result(stage, speed, speed) for stage, speed in SPEEDS.items()]


def lines_at(figure: Figure, height: float) -> list[list[float]]:
    """Ends of the horizontal lines at a height."""
    return [
        [float(x) for x in np.asarray(line.get_xdata())]
        for line in panel(figure).lines
        if np.asarray(line.get_ydata()).tolist() == [height, height]
    ]


def test_each_step_reaches_from_the_stage_it_builds_on_to_its_own_speed() -> None:
    steps = {round(x): ends for x, *ends in rectangles(panel(ladder(RUNS)))}
    assert steps == {
        1: pytest.approx([40, 100]),
        2: pytest.approx([100, 160]),
        3: pytest.approx([160, 240]),
        4: pytest.approx([80, 160]),  # tp hangs from quantize, not from speculative
    }


def test_a_thin_line_leads_from_the_stage_that_another_builds_on() -> None:
    from_quantize = [ends for ends in lines_at(ladder(RUNS), 160.0) if ends[0] > 2]
    assert sorted(round(end) for _, end in from_quantize) == [3, 4]


def test_every_stages_speed_is_a_line_at_its_height() -> None:
    figure = ladder(RUNS)
    for x, speed in enumerate(SPEEDS.values()):
        assert any(round(sum(ends) / 2) == x for ends in lines_at(figure, speed))


def test_a_step_tells_its_speed_and_both_factors() -> None:
    told = notes(panel(ladder(RUNS)))
    assert told[0] == ["40.0"]
    assert told[1] == ["100\n2.50× baseline"]
    assert told[3] == ["240\n6.00× baseline\n1.50× quantize"]
    assert told[4] == ["80.0\n2.00× baseline\n0.500× quantize"]


def test_each_name_says_what_the_stage_builds_on() -> None:
    assert names(panel(ladder(RUNS))) == [
        "baseline",
        "compile on baseline",
        "quantize on compile",
        "speculative on quantize",
        "tp on quantize",
    ]


def test_a_stage_whose_predecessor_has_no_number_is_a_line_without_a_step() -> None:
    figure = ladder([RUNS[0], failed("compile"), RUNS[2]])
    assert rectangles(panel(figure)) == []
    assert notes(panel(figure)) == {0: ["40.0"], 1: ["no result"], 2: ["160\n4.00× baseline"]}


def test_the_ceiling_is_the_devices_bandwidth_over_the_bytes_read_for_a_token() -> None:
    # 14 GB are read for each token: 100 tokens/s read 1400 GB/s.
    run = result(
        "baseline", 100, bandwidth_gb_per_second=1400.0, device_bandwidth_gb_per_second=2100.0
    )
    assert ceiling_of(run) == pytest.approx(2100e9 / 14e9)
    figure = ladder([run])
    assert lines_at(figure, ceiling_of(run) or 0.0)
    assert "ceiling 150" in notes(panel(figure))[0]
    assert "device's bandwidth took all the time" in small_type(figure)


def test_ranks_have_their_bandwidth_together() -> None:
    about = {"bandwidth_gb_per_second": 1400.0, "device_bandwidth_gb_per_second": 2100.0}
    run = result("tp", 100, world_size=2, **about)
    assert ceiling_of(run) == pytest.approx(300.0)
    assert "at their bandwidth together" in small_type(ladder([run]))


def test_with_speculation_the_caption_says_what_the_ceiling_holds_for() -> None:
    about = {"bandwidth_gb_per_second": 1400.0, "device_bandwidth_gb_per_second": 2100.0}
    run = result("speculative", 100, mean_accepted=2.0, **about)
    assert "with speculation, at this acceptance" in small_type(ladder([run]))


@pytest.mark.parametrize("bandwidth", [None, 0.0, float("nan"), float("inf"), -1.0])
def test_without_a_bandwidth_there_is_no_ceiling_and_the_caption_says_so(
    bandwidth: float | None,
) -> None:
    figure = ladder([result("baseline", 40, device_bandwidth_gb_per_second=bandwidth)])
    assert "no ceiling" in small_type(figure)
    assert notes(panel(figure)) == {0: ["40.0"]}


def test_a_prediction_is_a_star_at_its_height_with_its_number() -> None:
    figure = ladder(RUNS, predicted={"compile": 120.0, "tp": float("nan")})
    stars = [line for line in panel(figure).lines if line.get_marker() == "*"]
    assert [(float(s.get_xdata()[0]), float(s.get_ydata()[0])) for s in stars] == [(1.0, 120.0)]  # type: ignore[index,arg-type]
    assert notes(panel(figure))[1] == ["100\n2.50× baseline\npredicted 120"]
    assert "star: tokens/s that were predicted" in small_type(figure)


ON_A100 = {"model": "llama-2-7b", "device": "NVIDIA A100-SXM4-80GB"}


def test_where_a_prediction_can_be_had_both_readings_stand_beside_the_speed() -> None:
    run = result("compile", 90.0, **ON_A100)  # type: ignore[arg-type]
    found = against(run)
    assert found is not None
    figure = predicted_ladder([run])
    (star,) = [line for line in panel(figure).lines if line.get_marker() == "*"]
    assert star.get_ydata() == pytest.approx([found.expected])
    assert lines_at(figure, found.ideal)
    assert notes(panel(figure))[0] == [
        f"90.0\n☆ {found.expected:.0f} ({found.against_expected:.3f}×)",
        f"ideal {found.ideal:.0f}",
    ]
    said = small_type(figure)
    assert f"compile ({100 * found.against_expected:.1f} % of expected" in said
    assert found.cause in said


def test_bars_with_the_same_cause_share_a_sentence() -> None:
    both = [result(stage, 1.0, **ON_A100) for stage in ("compile", "quantize")]  # type: ignore[arg-type]
    runs = [dataclasses.replace(run, warnings=["1 other process running"]) for run in both]
    said = small_type(predicted_ladder(runs))
    assert said.count("Others used the machine") == 1


def test_a_batch_counted_together_is_predicted_together() -> None:
    whole = Definition("new", "decode", "batch")
    one = result("compile", 90.0, batch_size=4, **ON_A100)  # type: ignore[arg-type]
    alone, together = (
        predictions([run])["compile"]
        for run in (one, dataclasses.replace(one, tokens_per_second=360.0, definition=whole))
    )
    assert isinstance(alone, Predicted)
    assert isinstance(together, Predicted)
    assert together.expected == pytest.approx(4 * alone.expected)
    assert together.of_expected == pytest.approx(alone.of_expected)


def test_where_none_can_be_had_the_caption_says_why() -> None:
    figure = predicted_ladder([RUNS[0], failed("compile")])
    assert "baseline: no prediction: there is no device 'cpu'." in small_type(figure)
    assert notes(panel(figure)) == {0: ["40.0"], 1: ["no result"]}


@pytest.mark.parametrize("k", [0, 10**9])
def test_numbers_that_no_run_can_have_predict_nothing(k: int) -> None:
    hostile = result("speculative", 1.0, options={"draft_tokens": k}, **ON_A100)  # type: ignore[arg-type]
    (why,) = predictions([hostile]).values()
    assert isinstance(why, str)


def test_numbers_that_count_differently_are_not_divided() -> None:
    total = Definition("new", "prefill and decode", "sequence")
    figure = ladder([RUNS[0], dataclasses.replace(RUNS[1], definition=total)])
    assert rectangles(panel(figure)) == []
    assert notes(panel(figure))[1] == ["100"]
    assert "count differently" in small_type(figure)


@pytest.mark.parametrize("runs", [[], [failed("tp")], [result("tp", tokens_per_second=0.0)]])
def test_without_any_speed_there_is_no_ladder(runs: list[Result]) -> None:
    with pytest.raises(NothingToDrawError, match="tokens/s"):
        ladder(runs)


speeds = st.floats(min_value=1e-6, max_value=1e12)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.sampled_from(list(STAGES)), speeds, min_size=1))
def test_any_speeds_fit_on_the_axis(chosen: dict[str, float]) -> None:
    runs = [
        result(stage, 1.0, tokens_per_second=speed, tokens_per_second_std=speed / 3)
        for stage, speed in chosen.items()
    ]
    axes = panel(ladder(runs))
    low, high = axes.get_ylim()
    assert 0 < low < min(chosen.values())
    assert max(chosen.values()) < high < math.inf


@given(st.lists(st.tuples(st.floats(0, 300), st.integers(0, 3)), max_size=6))
def test_stacked_texts_neither_touch_nor_hide_a_mark(marks: list[tuple[float, int]]) -> None:
    given_notes = [Note("\n".join("x" * lines), y, 8.0) for y, lines in marks]
    placed = stacked(given_notes, lambda y: y, 3.0)
    spans = sorted((y + lift, y + lift + note.points) for note, y, lift in placed)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert start >= end
    for note in given_notes:
        assert not any(start < note.y < end for start, end in spans)
