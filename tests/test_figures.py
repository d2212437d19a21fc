"""The figure: what stands in it. How it looks and is written: test_figure_files.py."""

from __future__ import annotations

import dataclasses
import itertools
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import failed, result
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation

from workshop.figures.caption import warnings_for
from workshop.figures.progression import progression
from workshop.figures.theme import (
    save_figure,
)
from workshop.record.results import Reference, Result, Versions, spread
from workshop.stages import STAGES

SPEEDS = {"baseline": 40.0, "compile": 100.0, "quantize": 160.0, "speculative": 120.0, "tp": 240.0}
STAGE_RUNS = [result(stage, speed, speed + 2) for stage, speed in SPEEDS.items()]


def panel(figure: Figure, unit: str = "tokens/s") -> Axes:
    return next(axes for axes in figure.axes if axes.get_ylabel() == unit)


def names(figure: Figure) -> list[str]:
    """The bars' names, from left to right, on one line each."""
    labels = panel(figure).get_xticklabels()
    return [" ".join(label.get_text().split("\n")) for label in labels]


def bars(figure: Figure, unit: str = "tokens/s") -> dict[str, float]:
    """Heights of the bars, by name; what has no bar is not there."""
    rectangles = [patch for patch in panel(figure, unit).patches if isinstance(patch, Rectangle)]
    return {names(figure)[round(bar.get_center()[0])]: bar.get_height() for bar in rectangles}


def texts(figure: Figure, unit: str = "tokens/s") -> dict[str, list[str]]:
    """The texts over each name."""
    found: dict[str, list[str]] = {name: [] for name in names(figure)}
    for text in panel(figure, unit).texts:
        x, _ = text.xy if isinstance(text, Annotation) else text.get_position()
        found[names(figure)[round(x)]].append(text.get_text())
    return found


def whiskers(figure: Figure, unit: str = "tokens/s") -> dict[str, float]:
    """Lengths of the error bars' upper halves, by name."""
    found = {}
    for container in panel(figure, unit).containers:
        if isinstance(container, ErrorbarContainer):
            ((x, _), (_, top)) = container.lines[2][0].get_segments()[0]
            name = names(figure)[round(x)]
            found[name] = top - bars(figure, unit)[name]
    return found


def caption(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


# The bars


@pytest.mark.parametrize("runs", [*itertools.permutations(STAGE_RUNS)][::17])
def test_bars_stand_in_the_stages_order_whatever_the_arguments(runs: Sequence[Result]) -> None:
    figure = progression(runs)
    assert names(figure) == list(STAGES)
    assert bars(figure) == {stage: speed + 1 for stage, speed in SPEEDS.items()}


def test_three_panels_have_their_units() -> None:
    figure = progression(STAGE_RUNS)
    assert [axes.get_ylabel() for axes in figure.axes] == ["GB", "GB/s", "tokens/s"]
    assert [axes.get_title("left") for axes in figure.axes] == [
        "Memory used",
        "Bandwidth achieved",
        "Tokens per second",
    ]


def test_a_bar_is_labelled_with_its_value_and_its_change_against_baseline() -> None:
    runs = [
        result("compile", 93.1, memory_gb=13.9, bandwidth_gb_per_second=1254.0),
        result("baseline", 37.4, memory_gb=13.6, bandwidth_gb_per_second=504.0),
        result("tp", 18.7, memory_gb=13.6, bandwidth_gb_per_second=504.2),
    ]
    figure = progression(runs)
    assert texts(figure) == {
        "baseline": ["37.4"],
        "compile": ["93.1\n+148.9 %"],
        "tp": ["18.7\n−50.0 %"],
    }
    assert texts(figure, "GB/s")["compile"] == ["1250\n+148.8 %"]
    assert texts(figure, "GB")["tp"] == ["13.6\n+0.0 %"]


def test_without_a_baseline_there_are_no_percentages_and_the_caption_says_so() -> None:
    figure = progression(STAGE_RUNS[1:3])
    assert texts(figure) == {"compile": ["101"], "quantize": ["161"]}
    assert "no percentages" in caption(figure)
    assert "no result of the plain baseline" in caption(figure)


def test_a_variant_of_the_baseline_is_not_what_changes_are_measured_against() -> None:
    figure = progression([result("baseline", 50, options={"dtype": "float32"}), STAGE_RUNS[1]])
    assert texts(figure)["compile"] == ["101"]


def test_a_baseline_of_nothing_gives_no_percentage() -> None:
    figure = progression([result("baseline", 40, memory_gb=0.0), STAGE_RUNS[1]])
    assert texts(figure, "GB") == {"baseline": ["0"], "compile": ["0.0200"]}


def test_a_variant_stands_beside_its_stage() -> None:
    variant = result("compile", 90, options={"dtype": "float32"})
    figure = progression([variant, *STAGE_RUNS])
    assert names(figure)[:4] == ["baseline", "compile", "compile (dtype float32)", "quantize"]


def test_a_result_without_a_number_is_a_gap_not_a_zero() -> None:
    figure = progression([STAGE_RUNS[0], failed("compile"), STAGE_RUNS[2]])
    assert names(figure) == ["baseline", "compile", "quantize"]
    for unit in ("GB", "GB/s", "tokens/s"):
        assert set(bars(figure, unit)) == {"baseline", "quantize"}
        assert texts(figure, unit)["compile"] == ["no result"]


@pytest.mark.parametrize("memory", [float("nan"), float("inf"), -1.0, 1e300])
def test_a_number_that_cannot_be_is_a_gap(memory: float) -> None:
    figure = progression([STAGE_RUNS[0], result("tp", 100, memory_gb=memory)])
    assert set(bars(figure, "GB")) == {"baseline"}
    assert set(bars(figure)) == {"baseline", "tp"}


def test_a_run_without_one_of_the_numbers_has_the_others() -> None:
    figure = progression([STAGE_RUNS[0], result("tp", 100, bandwidth_gb_per_second=None)])
    assert set(bars(figure, "GB")) == {"baseline", "tp"}
    assert texts(figure, "GB/s")["tp"] == ["no result"]


def test_results_of_no_known_stage_come_last() -> None:
    figure = progression([failed(None), Result("turbo", "ok", memory_gb=1.0), *STAGE_RUNS])
    assert names(figure) == [*STAGES, "turbo", "unknown"]


@pytest.mark.parametrize("runs", [[], [failed("tp")], [failed("tp"), failed(None)]])
def test_a_figure_without_any_bar_can_be_drawn(runs: list[Result], tmp_path: Path) -> None:
    save_figure(progression(runs), tmp_path / "empty.png")
    assert bars(progression(runs)) == {}


# Spread, and several runs of the same


def test_error_bars_are_the_standard_deviation_over_samples() -> None:
    figure = progression([result("baseline", 40, 44, 42), result("tp", 100, 130)])
    assert whiskers(figure)["baseline"] == pytest.approx(statistics.stdev([40, 44, 42]))
    assert whiskers(figure)["tp"] == pytest.approx(statistics.stdev([100, 130]))


def test_a_single_sample_has_no_error_bar() -> None:
    assert whiskers(progression([result("baseline", 40)])) == {}


def test_several_runs_of_a_stage_are_one_bar_over_all_their_samples() -> None:
    first, second = (40.0, 44.0, 42.0), (50.0, 51.0)
    figure = progression([result("baseline", *first), result("baseline", *second)])
    everything = [*first, *second]
    assert bars(figure)["baseline"] == pytest.approx(statistics.fmean(everything))
    assert whiskers(figure)["baseline"] == pytest.approx(statistics.stdev(everything))
    assert "baseline 5 in 2 runs" in caption(figure)


def test_pooled_bandwidth_is_over_all_samples_too() -> None:
    samples = ([3.0, 3.2, 3.4], [4.0, 4.4])
    runs = [
        result(
            "baseline",
            *values,
            bandwidth_gb_per_second=statistics.fmean(values),
            bandwidth_std=spread(values),
        )
        for values in samples
    ]
    figure = progression(runs)
    everything = [*samples[0], *samples[1]]
    assert bars(figure, "GB/s")["baseline"] == pytest.approx(statistics.fmean(everything))
    assert whiskers(figure, "GB/s")["baseline"] == pytest.approx(statistics.stdev(everything))


def test_a_failed_run_takes_nothing_from_a_good_one() -> None:
    figure = progression([failed("compile"), *STAGE_RUNS])
    assert bars(figure)["compile"] == 101
    assert names(figure) == list(STAGES)


def test_what_was_measured_beside_the_baseline_is_a_line_with_its_name() -> None:
    beside = Reference("eager float32", 52.34, 0.5, [52.0, 52.68])
    figure = progression([result("baseline", 40, reference=beside), STAGE_RUNS[1]])
    (line,) = [line for line in panel(figure).lines if line.get_linestyle() == "--"]
    assert np.asarray(line.get_ydata()).tolist() == [52.34, 52.34]
    named = " ".join(" ".join(texts(figure)["baseline"]).split())
    assert "eager float32 52.3" in named
    assert not any("float32" in text for text in texts(figure, "GB")["baseline"])


# What it was measured with


def test_the_caption_says_what_was_measured_and_how() -> None:
    about: dict[str, Any] = {
        "model_parameters": 8_300_000,
        "threads": 2,
        "memory_kind": "weights and caches",
        "started": "2026-02-03T04:05:06+00:00",
        "versions": Versions("0.1", "3.12", "2.9.1", git_commit="0123456789abcdef-dirty"),
    }
    runs = [dataclasses.replace(run, **about) for run in STAGE_RUNS]
    said = caption(progression(runs))
    for fact in (
        "model tiny (8.30 M parameters)",
        "cpu",
        "threads 2",
        "prompt 6 tokens",
        "up to 200 new tokens",
        "n = 2 samples a bar",
        "torch 2.9.1",
        "commit 0123456789-dirty",
        "2026-02-03",
        "tokens/s: decode only, batch 1",
        "error bars: standard deviation over samples",
        "memory: weights and caches",
    ):
        assert fact in said
    assert "Caution" not in said


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("model", "random:110m", "models.*tiny, random:110m"),
        ("device", "cuda", "devices.*cpu, cuda"),
        ("prompt_tokens", 600, "prompt.*6, 600"),
        ("batch_size", 8, "batch sizes.*1, 8"),
    ],
)
def test_what_cannot_be_compared_is_warned_of(field: str, value: Any, words: str) -> None:
    runs = [STAGE_RUNS[0], dataclasses.replace(STAGE_RUNS[1], **{field: value})]
    (sentence,) = warnings_for(runs)
    assert sentence in " ".join(caption(progression(runs)).split("\n"))
    assert re.search(words, sentence)


def test_what_can_be_compared_is_not_warned_of() -> None:
    assert warnings_for(STAGE_RUNS) == []
    assert warnings_for([*STAGE_RUNS, failed("tp")]) == []
    assert warnings_for([]) == []


def test_a_run_that_did_not_finish_is_named() -> None:
    figure = progression([STAGE_RUNS[0], result("tp", 100, status="incomplete")])
    assert "not finished: tp" in caption(figure)
