"""A sweep, and servers beside single sequences."""

from __future__ import annotations

import dataclasses

import pytest
from builders import result
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from workshop.figures.caption import warnings_for
from workshop.figures.ladder import ladder
from workshop.figures.progression import panels_for, progression
from workshop.figures.series import series_of
from workshop.figures.sweep import sweep
from workshop.figures.theme import NothingToDrawError
from workshop.record.results import Definition, Result

SERVED = Definition("new", "wall clock", "server")


def served(concurrency: int, speed: float, model: str = "llama", tpot: float = 0.01) -> Result:
    return Result(
        None,
        "ok",
        format="vllm-serve",
        definition=SERVED,
        model=model,
        concurrency=concurrency,
        tokens_per_second=speed,
        tpot_seconds=tpot,
    )


def heights(axes: Axes) -> list[float]:
    return [bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)]


SWEEP = [served(16, 1400.0), served(1, 100.0), served(128, 6000.0)]


def test_a_sweep_is_a_line_against_the_setting() -> None:
    axis, (line,) = series_of(SWEEP)
    assert axis.name == "concurrency"
    assert [
        (x, pool.tokens_per_second.mean) for x, pool in line.points if pool.tokens_per_second
    ] == [
        (1, 100.0),
        (16, 1400.0),
        (128, 6000.0),
    ]


def test_each_other_difference_is_a_line_of_its_own() -> None:
    _, lines = series_of([*SWEEP, *(dataclasses.replace(run, model="qwen") for run in SWEEP)])
    assert [line.name for line in lines] == ["vllm-serve (llama)", "vllm-serve (qwen)"]


def test_repeats_are_one_point() -> None:
    _, (line,) = series_of([*SWEEP, served(16, 1600.0)])
    point = dict(line.points)[16]
    assert point.tokens_per_second is not None
    assert point.tokens_per_second.mean == pytest.approx(1500.0)


def test_any_number_that_was_set_can_be_the_axis() -> None:
    runs = [
        dataclasses.replace(served(4, speed), conditions={"depth": depth, "flash attention": "on"})
        for depth, speed in ((0, 100.0), (4096, 80.0))
    ]
    axis, _ = series_of(runs)
    assert axis.name == "depth"


def test_batch_sizes_of_ours_are_a_sweep() -> None:
    runs = [
        result("compile", speed, options={"batch_size": size}, batch_size=size)
        for size, speed in ((1, 100.0), (2, 90.0), (4, 80.0))
    ]
    axis, lines = series_of(runs)
    assert axis.name == "batch size"
    assert [len(line.points) for line in lines] == [3]


def test_more_requests_at_more_concurrency_are_one_line() -> None:
    runs = [
        dataclasses.replace(run, conditions={"requests": 10 * n, "input tokens": 5120 * n})
        for n, run in enumerate(SWEEP, start=1)
    ]
    axis, lines = series_of(runs)
    assert axis.name == "concurrency"
    assert [len(line.points) for line in lines] == [3]


def test_what_has_no_number_is_named_as_left_out() -> None:
    unlimited, *rest = (
        dataclasses.replace(served(4, 10.0 * rate), conditions={"request rate, 1/s": value})
        for rate, value in ((9, "unlimited"), (1, 1.0), (4, 4.0))
    )
    caption = sweep([unlimited, *rest]).texts[0].get_text().replace("\n", " ")
    assert "left out: vllm-serve (request rate unlimited): 90.0 tokens/s" in caption


def test_lengths_of_a_prompt_are_a_sweep_though_they_name_the_test() -> None:
    prefill = Definition("prompt", "prefill", "sequence")
    runs = [
        Result(
            None,
            "ok",
            format="llama-bench",
            definition=prefill,
            tokens_per_second=speed,
            prompt_tokens=length,
            new_tokens=0,
        )
        for length, speed in ((128, 900.0), (256, 1000.0), (512, 1100.0))
    ]
    axis, (line,) = series_of(runs)
    assert axis.name == "prompt tokens"
    assert [x for x, _ in line.points] == [128, 256, 512]


@pytest.mark.parametrize("runs", [[], SWEEP[:1], [result("baseline", 9.0), result("tp", 9.0)]])
def test_without_a_sweep_it_says_so(runs: list[Result]) -> None:
    with pytest.raises(NothingToDrawError, match="no two of these results differ in one number"):
        sweep(runs)


def test_servers_have_a_panel_of_their_own_beside_sequences() -> None:
    runs = [result("baseline", 40.0), *SWEEP]
    figure = progression(runs)
    of_one, of_all = figure.axes[2:]
    assert heights(of_one) == [40.0, pytest.approx(100.0)]  # 1 / TPOT
    assert heights(of_all) == [100.0, 1400.0, 6000.0]
    assert "in a panel of their own" in figure.texts[0].get_text().replace("\n", " ")
    assert not any("count differently" in sentence for sentence in warnings_for(runs))


def test_servers_alone_need_no_second_panel() -> None:
    assert len(panels_for(SWEEP)) == 3
    assert "batch 1" not in progression(SWEEP).texts[0].get_text()


def test_a_ladder_leaves_servers_out_and_says_so() -> None:
    figure = ladder([result("baseline", 40.0), *SWEEP])
    assert "left out" in figure.texts[0].get_text()
    assert "vllm-serve" in figure.texts[0].get_text().replace("\n", " ")
