"""Latency and samples: the times of each stage, and each of its samples."""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np
import pytest
from builders import failed, result, sample
from figure_parts import names, notes, panel, rectangles, small_type
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from workshop.figures.latency import latency
from workshop.figures.samples import samples
from workshop.figures.theme import NothingToDrawError
from workshop.record.results import Definition, Result, with_samples

TTFT, TPOT = "Time to first token (TTFT)", "Time per later token (TPOT)"
FOREIGN = Result(
    None,
    "ok",
    format="gpt-fast",
    definition=Definition("new", "prefill and decode", "sequence"),
    tokens_per_second=104.0,
    speeds=[100.0, 104.0, 108.0],
)


def timed(stage: str, *ttfts: float, speed: float = 100.0) -> Result:
    """A run whose samples have these times to first token, in seconds."""
    return with_samples(result(stage), [sample(speed, ttft_seconds=ttft) for ttft in ttfts])


def whiskers(axes: Axes) -> list[float]:
    bars = [one for one in axes.containers if isinstance(one, ErrorbarContainer)]
    return [bar.lines[2][0].get_segments()[0][1][1] for bar in bars]


# Latency


def test_both_times_are_drawn_in_milliseconds() -> None:
    figure = latency([timed("baseline", 0.020, 0.040), timed("compile", 0.010, speed=200)])
    tops = [top for *_, top in rectangles(panel(figure, TTFT))]
    assert tops == pytest.approx([30.0, 10.0])
    assert [top for *_, top in rectangles(panel(figure, TPOT))] == pytest.approx([10.0, 5.0])
    assert [axes.get_ylabel() for axes in figure.axes] == ["ms", "ms a token"]
    assert names(panel(figure, TTFT)) == ["baseline", "compile"]


def test_the_spread_is_over_the_samples() -> None:
    figure = latency([timed("baseline", 0.020, 0.040)])
    (end,) = whiskers(panel(figure, TTFT))
    assert end == pytest.approx(30.0 + statistics.stdev([20.0, 40.0]))
    assert "error bars: standard deviation over samples" in small_type(figure)
    assert "n = 2 samples a bar" in small_type(figure)


def test_factors_say_how_many_times_as_fast() -> None:
    runs = [timed("baseline", 0.04), timed("compile", 0.02), timed("quantize", 0.05)]
    told = notes(panel(latency(runs), TTFT))
    assert told[1] == ["20.0\n2.00× baseline"]
    assert told[2] == ["50.0\n0.800× baseline\n0.400× compile"]


def test_several_runs_are_one_bar_over_all_their_samples() -> None:
    figure = latency([timed("baseline", 0.02, 0.03), timed("baseline", 0.07)])
    ((_, _, top),) = rectangles(panel(figure, TTFT))
    assert top == pytest.approx(40.0)


def test_a_source_that_knows_only_means_is_drawn_without_spread() -> None:
    known = Result("baseline", "ok", ttft_seconds=0.12, tpot_seconds=0.01)
    axes = panel(latency([known]), TTFT)
    assert [top for *_, top in rectangles(axes)] == pytest.approx([120.0])
    assert whiskers(axes) == []


def test_a_stage_without_a_time_is_a_gap() -> None:
    figure = latency([timed("baseline", 0.02), failed("compile"), FOREIGN])
    assert notes(panel(figure, TTFT))[1] == ["no result"]
    assert notes(panel(figure, TTFT))[2] == ["no result"]
    assert len(rectangles(panel(figure, TTFT))) == 1


def test_without_any_time_there_is_nothing_to_draw() -> None:
    with pytest.raises(NothingToDrawError, match="TTFT"):
        latency([failed("compile"), FOREIGN])


# Samples


def points(axes: Axes) -> list[tuple[float, float]]:
    (line,) = [line for line in axes.lines if line.get_marker() not in ("None", "", None)]
    xs, ys = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def test_every_sample_is_a_point_in_its_order() -> None:
    run = result("baseline", 40, 44, 42, 60)
    axes = panel(samples([run]))
    assert points(axes) == list(enumerate(run.sample_speeds, start=1))
    assert axes.get_title("left") == "baseline: median 43.0"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("sample, in order", "tokens/s")


def test_speeds_without_times_are_samples_too() -> None:
    figure = samples([FOREIGN])
    assert points(panel(figure)) == [(1, 100.0), (2, 104.0), (3, 108.0)]
    assert "new tokens over prefill and decode, per sequence" in small_type(figure)
    assert "read from a log of gpt-fast" in small_type(figure)


def test_several_runs_follow_each_other_with_a_line_between() -> None:
    axes = panel(samples([result("baseline", 40, 44), result("baseline", 50)]))
    assert [round(y, 6) for _, y in points(axes)] == [40, 44, 50]
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert [np.asarray(line.get_xdata()).tolist() for line in dotted] == [[2.5, 2.5]]


def test_a_stage_without_samples_is_named_not_drawn() -> None:
    figure = samples([result("baseline", 40, 44), failed("tp")])
    assert len(figure.axes) == 1
    assert "no samples of: tp" in small_type(figure)


def test_small_noise_looks_small() -> None:
    low, high = panel(samples([result("baseline", 100.0, 100.1, 99.9)])).get_ylim()
    assert high - low >= 10.0


@pytest.mark.parametrize("runs", [[], [failed("tp")], [dataclasses.replace(FOREIGN, speeds=[])]])
def test_without_any_sample_there_is_nothing_to_draw(runs: list[Result]) -> None:
    with pytest.raises(NothingToDrawError, match="samples"):
        samples(runs)


def test_a_sample_that_cannot_be_is_left_out() -> None:
    bad = dataclasses.replace(FOREIGN, speeds=[100.0, float("inf"), float("nan"), -3.0])
    assert points(panel(samples([bad]))) == [(1, 100.0)]
