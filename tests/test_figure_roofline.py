"""The roofline: FLOP per byte and FLOP/s, from the record's own numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from builders import failed, result, sample
from figure_parts import panel, small_type
from matplotlib.figure import Figure

from workshop.figures.pooling import pooled
from workshop.figures.roofline import roofline
from workshop.figures.roofline_points import decode_of, peaks_of, prefill_of, roofs_of
from workshop.figures.theme import NothingToDrawError
from workshop.record.results import Definition, Result, with_samples

SIZE: dict[str, Any] = {
    "model_parameters": 7_000_000_000,
    "model_bytes": 14_000_000_000,
    "device_bandwidth_gb_per_second": 2000.0,
}
RUN = result("baseline", 50, **SIZE)  # six tokens of prompt, 0.02 s to the first token


def markers(figure: Figure) -> list[tuple[float, float, bool]]:
    """Place of each point, and whether it is hollow."""
    return [
        (
            float(np.asarray(line.get_xdata())[0]),
            float(np.asarray(line.get_ydata())[0]),
            line.get_markerfacecolor() == "none",
        )
        for line in panel(figure).lines
        if line.get_marker() not in ("None", "")
    ]


def legend(figure: Figure) -> list[str]:
    found = panel(figure).get_legend()
    return [text.get_text() for text in found.get_texts()] if found else []


def speculative(**fields: Any) -> Result:
    """Ten passes in 0.5 s, each of k + 1 = 4 tokens of the model, and 3 of a draft."""
    one = dataclasses.replace(sample(60, 31), decode_seconds=0.5, verify_passes=10, accepted=20)
    run = with_samples(result("speculative"), [one])
    about = {**SIZE, "draft_parameters": 10**9, "draft_bytes": 2 * 10**9}
    return dataclasses.replace(run, **{**about, **fields})


def test_decode_does_two_flop_a_parameter_and_reads_the_weights_once_a_token() -> None:
    point = decode_of(pooled([RUN])[0])
    assert point is not None
    assert point.intensity == pytest.approx(2 * 7e9 / 14e9)
    assert point.flops == pytest.approx(2 * 7e9 * 50)


def test_prefill_takes_the_whole_prompt_in_one_pass() -> None:
    point = prefill_of(pooled([RUN])[0])
    assert point is not None
    assert point.intensity == pytest.approx(6 * 2 * 7e9 / 14e9)
    assert point.flops == pytest.approx(6 * 2 * 7e9 / 0.02)


def test_a_batch_shares_the_reading() -> None:
    point = decode_of(pooled([dataclasses.replace(RUN, batch_size=8)])[0])
    assert point is not None
    assert point.intensity == pytest.approx(8 * 2 * 7e9 / 14e9)
    assert point.flops == pytest.approx(8 * 2 * 7e9 * 50)
    whole = dataclasses.replace(RUN, batch_size=8, definition=Definition("new", "decode", "batch"))
    shared = decode_of(pooled([whole])[0])
    assert shared is not None
    assert shared.flops == pytest.approx(2 * 7e9 * 50)


def test_with_speculation_a_pass_has_its_guesses_in_it_and_the_drafts_passes() -> None:
    point = decode_of(pooled([speculative()])[0])
    assert point is not None
    flop = 2 * 7e9 * 4 + 2 * 1e9 * 3
    assert point.intensity == pytest.approx(flop / (14e9 + 3 * 2e9))
    assert point.flops == pytest.approx(flop * 10 / 0.5)


def test_speculation_without_its_passes_has_no_decode_point() -> None:
    assert decode_of(pooled([speculative(samples=[])])[0]) is None


def test_the_figure_has_both_phases_and_the_roof() -> None:
    figure = roofline([RUN])
    assert sorted(markers(figure)) == [
        (pytest.approx(1.0), pytest.approx(700.0), False),
        (pytest.approx(6.0), pytest.approx(4200.0), True),
    ]
    roof = next(line for line in panel(figure).lines if len(np.asarray(line.get_xdata())) == 2)
    xs, ys = np.asarray(roof.get_xdata()), np.asarray(roof.get_ydata())
    assert ys / xs == pytest.approx(2000.0)
    assert panel(figure).get_xlabel() == "FLOP per byte of weights read (log scale)"
    assert panel(figure).get_ylabel() == "GFLOP/s (log scale)"
    assert legend(figure)[0] == "baseline: decode 700 at 1.00, prefill 4200 at 6.00"
    assert legend(figure)[-1] == "bandwidth roof, 2000 GB/s (no compute roof is known)"


def test_of_a_gpu_in_the_tables_the_compute_roof_is_known_too() -> None:
    run = dataclasses.replace(RUN, device="NVIDIA A100-SXM4-80GB")
    figure = roofline([run])
    assert peaks_of(pooled([run])) == [312e12]
    assert legend(figure)[-1] == "bandwidth roof, 2000 GB/s; compute roof, 312000 GFLOP/s"
    assert "compute roof: dense products in 16 bits, on paper" in small_type(figure)
    roof = next(line for line in panel(figure).lines if len(np.asarray(line.get_xdata())) > 2)
    assert float(np.asarray(roof.get_ydata())[-1]) == pytest.approx(312e3)
    low, high = panel(figure).get_xlim()
    assert low < 312e12 / 2000e9 < high
    unmeasured = dataclasses.replace(run, device_bandwidth_gb_per_second=None)
    assert roofs_of(pooled([unmeasured])) == [2039e9]
    assert "as measured, or on paper where it is not" in small_type(roofline([unmeasured]))


def test_where_one_device_is_not_known_there_is_no_compute_roof() -> None:
    both = [dataclasses.replace(RUN, device="NVIDIA A100-SXM4-80GB"), RUN]
    assert peaks_of(pooled(both)) == []


def test_roofs_that_differ_are_told_from_to_and_ranks_have_theirs_together() -> None:
    runs = [RUN, result("tp", 60, world_size=2, **SIZE)]
    assert roofs_of(pooled(runs)) == [2000e9, 4000e9]
    assert "2000 to 4000 GB/s" in legend(roofline(runs))[-1]


def test_without_a_bandwidth_there_is_no_roof_and_the_figure_says_so() -> None:
    figure = roofline([dataclasses.replace(RUN, device_bandwidth_gb_per_second=None)])
    assert legend(figure)[-1] == "no roof: neither bandwidth nor FLOP/s are known"


def test_every_assumption_is_in_the_caption() -> None:
    said = small_type(roofline([RUN]))
    for words in (
        "2 x parameters x tokens",
        "the weights, read once",
        "the whole prompt in one pass",
        "left out: attention, keys and values, activations",
        "no compute roof",
        "without error bars",
    ):
        assert words in said


def test_a_result_without_the_numbers_is_named() -> None:
    assert "compile: no result" in legend(roofline([RUN, failed("compile")]))


@pytest.mark.parametrize(
    "fields",
    [
        {"model_parameters": None},
        {"model_bytes": None},
        {"model_bytes": 0},
        {"definition": Definition("new", "wall clock", "server")},
        {"definition": Definition("new", "prefill and decode", "sequence")},
        {"definition": None},
    ],
)
def test_what_does_not_tell_its_passes_is_not_drawn(fields: dict[str, Any]) -> None:
    with pytest.raises(NothingToDrawError):
        roofline([dataclasses.replace(RUN, **fields)])
