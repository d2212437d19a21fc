"""Every kind in every theme: legible at the back of a room, and to the colour-blind."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from builders import failed, result, sample
from figure_parts import every_text, outside, small_type, touching
from matplotlib.colors import to_hex, to_rgb

from workshop.figures import KINDS, THEME_NAMES
from workshop.figures.kinds import figure_of
from workshop.figures.pooling import pooled
from workshop.figures.progression import progression
from workshop.figures.sheet import ShownFigure
from workshop.figures.theme import THEMES, NothingToDrawError, Theme, fill_of, save_figure
from workshop.record.results import Definition, Result, SlurmJob, Versions, with_samples
from workshop.stages import STAGES

SPEEDS = {"baseline": 40.0, "compile": 100.0, "quantize": 160.0, "speculative": 240.0, "tp": 80.0}
ABOUT = {
    "model_parameters": 7_000_000_000,
    "model_bytes": 14_000_000_000,
    "device_bandwidth_gb_per_second": 2039.0,
    "bandwidth_gb_per_second": 900.0,
    "device": "NVIDIA A100-SXM4-40GB",
    "started": "2026-02-03T04:05:06+00:00",
    "versions": Versions("0.1", "3.12", "2.9.1", git_commit="0123456789abcdef"),
    "slurm": SlurmJob("4711"),
}


def runs_of(user: str, factor: float = 1.0) -> list[Result]:
    return [
        dataclasses.replace(result(stage, factor * v, factor * v * 1.1), user=user, **ABOUT)  # type: ignore[arg-type]
        for stage, v in SPEEDS.items()
    ]


FULL = [*runs_of("ada"), *runs_of("ken", 1.3)]
TOTAL = Definition("new", "prefill and decode", "sequence")
FOREIGN = Result(
    None, "ok", format="gpt-fast", definition=TOTAL, tokens_per_second=104.0, speeds=[100.0, 108.0]
)
CROWDS = {
    "one": FULL[:1],
    "two": [*FULL[:2], *FULL[5:7]],
    "five": FULL,
    "long names": [
        *FULL[:3],
        result("tp", 333, 330, options={"quantize": "none", "ranks": 4, "dtype": "float32"}),
        result("speculative", 999, 500, options={"speculate": "prompt-lookup"}),
        Result("a-stage-of-somebody-with-a-long-name", "ok", tokens_per_second=3.0, user="x" * 90),
    ],
    "gaps": [FULL[0], failed("compile"), FULL[2], FULL[5], failed(None)],
    "mixed": [*FULL, FOREIGN, dataclasses.replace(FULL[1], format="gpt-fast", definition=TOTAL)],
    "capitals": [
        *FULL[:2],
        dataclasses.replace(FOREIGN, model="Qwen/Qwen3-0.6B-INSTRUCT"),
        dataclasses.replace(FOREIGN, model="Qwen/QWEN3-0.6B", prompt_tokens=1024),
        dataclasses.replace(FOREIGN, model="MAMMOTH-WWW-70B", prompt_tokens=1024),
    ],
    "slow and fast": [
        result("baseline", 0.01, 0.02, **ABOUT),  # type: ignore[arg-type]
        result("compile", 5e6, 4e6, **ABOUT),  # type: ignore[arg-type]
        result("tp", 1.0, 2.0, user="ken"),
        result("tp", 900.0, user="ada"),
    ],
}


# Each stage once, or from one machine only: there is nothing to hold it against.
ALONE = [("compare", "one"), ("compare", "long names")]


def swept(results: Sequence[Result]) -> list[Result]:
    """Each of these runs with 1, 8 and 64 requests side by side, ever faster."""
    return [
        dataclasses.replace(
            run,
            concurrency=requests,
            tokens_per_second=None
            if run.tokens_per_second is None
            else run.tokens_per_second * faster,
        )
        for run in results
        for requests, faster in ((1, 1), (8, 5), (64, 11))
    ]


def drawn(kind: str, crowd: str, theme: str = "paper") -> ShownFigure:
    results = swept(CROWDS[crowd]) if kind == "sweep" else CROWDS[crowd]
    return figure_of(kind, results, THEMES[theme], "ken")


every_kind = pytest.mark.parametrize("kind", KINDS)
every_theme = pytest.mark.parametrize("theme", THEMES)


def test_the_command_line_knows_the_themes() -> None:
    assert list(THEMES) == list(THEME_NAMES)


def test_dark_is_laid_out_like_slide() -> None:
    assert THEMES["dark"].scale == THEMES["slide"].scale
    assert THEMES["dark"].columns == THEMES["slide"].columns


@pytest.mark.parametrize(("kind", "crowd"), ALONE)
def test_where_there_is_nothing_to_compare_it_says_so(kind: str, crowd: str) -> None:
    with pytest.raises(NothingToDrawError, match="there is nothing to compare"):
        drawn(kind, crowd)


@pytest.mark.parametrize("theme", ["paper", "slide"])  # dark is laid out like slide
@pytest.mark.parametrize(
    ("kind", "crowd"), [pair for pair in itertools.product(KINDS, CROWDS) if pair not in ALONE]
)
def test_no_text_touches_another_or_leaves_the_sheet(kind: str, theme: str, crowd: str) -> None:
    figure = drawn(kind, crowd, theme)
    assert touching(figure) == []
    assert outside(figure) == []


@every_kind
def test_a_figure_says_where_its_numbers_come_from(kind: str) -> None:
    said = small_type(drawn(kind, "five"))
    for fact in ("A100", "torch 2.9.1", "commit 0123456789", "2026-02-03", "Slurm job 4711"):
        assert fact in said
    assert "n" in said
    assert "samples" in said


@every_kind
def test_every_axis_with_numbers_has_its_unit(kind: str) -> None:
    for axes in drawn(kind, "five").axes:
        assert axes.get_ylabel()
        if kind in ("samples", "roofline", "sweep"):
            assert axes.get_xlabel()


@every_kind
def test_what_cannot_be_compared_is_cautioned_of_in_the_figure(kind: str) -> None:
    figure = drawn(kind, "mixed")
    said = small_type(figure)
    for sentence in figure.cautions:
        assert sentence in said
    assert "Caution: the tokens/s of these results count differently" in said


@every_kind
@pytest.mark.parametrize("theme", ["slide", "dark"])
def test_on_a_slide_the_type_is_legible_at_the_back(kind: str, theme: str) -> None:
    figure = drawn(kind, "five", theme)
    width, height = figure.get_size_inches()
    shrunk = min(13.33 / width, 7.5 / height)  # onto a slide of 16:9, in inches
    small = {text.get_fontsize() * shrunk for text in figure.texts}
    inside = {
        text.get_fontsize() * shrunk for text in every_text(figure) if text not in figure.texts
    }
    assert min(small) >= 7.5
    assert min(inside) >= 9.5


@every_kind
def test_dark_is_light_on_dark(kind: str) -> None:
    figure = drawn(kind, "five", "dark")
    grounds = [figure.get_facecolor(), *(axes.get_facecolor() for axes in figure.axes)]
    assert {to_hex(ground) for ground in grounds} == {THEMES["dark"].ground}
    for text in every_text(figure):
        assert contrast(to_hex(text.get_color()), THEMES["dark"].ground) > 4.5


@every_kind
def test_the_same_results_give_the_same_file(kind: str, tmp_path: Path) -> None:
    paths = [tmp_path / "one.svg", tmp_path / "other.svg"]
    for path in paths:
        save_figure(drawn(kind, "five", "dark"), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@every_kind
def test_hostile_words_are_only_words(kind: str, tmp_path: Path) -> None:
    evil = "$\\frac{$ </svg><script>\x1b[2J\n\u202e模型 %s {0} " + "x" * 300
    one = sample(40, text=evil)
    runs = [
        dataclasses.replace(
            with_samples(run, [one, one]),
            model=evil,
            device=evil,
            user=evil if i % 2 else "ken",
            stage=f"{evil}{i}" if i > 5 else run.stage,
            settings=None if i > 5 else run.settings,
            against=evil,
        )
        for i, run in enumerate(FULL)
    ]
    figure = figure_of(kind, swept(runs) if kind == "sweep" else runs, mine=evil)
    save_figure(figure, tmp_path / "figure.svg")
    assert "<script>" not in (tmp_path / "figure.svg").read_text()
    for text in every_text(figure):
        assert all(char.isprintable() or char == "\n" for char in text.get_text())


@every_kind
def test_too_much_for_one_figure_is_refused_in_a_sentence(kind: str) -> None:
    runs = [dataclasses.replace(FULL[0], stage=f"s{i}", settings=None) for i in range(600)]
    runs += [dataclasses.replace(run, user="eve") for run in runs]
    with pytest.raises(NothingToDrawError, match="too many"):
        figure_of(kind, swept(runs) if kind == "sweep" else runs)


# Names


def test_logs_of_other_tools_have_bars_of_their_own() -> None:
    total = dataclasses.replace(FULL[1], format="gpt-fast", definition=TOTAL)
    assert [pool.label for pool in pooled([FULL[1], total])] == ["compile", "compile (gpt-fast)"]


def test_alone_they_need_no_second_name() -> None:
    total = dataclasses.replace(FULL[1], format="gpt-fast", definition=TOTAL)
    assert [pool.label for pool in pooled([total, failed("compile")])] == ["compile"]


def test_a_log_without_a_stage_has_its_formats_name_and_what_tells_it_apart() -> None:
    other = dataclasses.replace(FOREIGN, batch_size=8)
    assert [pool.label for pool in pooled([FOREIGN, FOREIGN])] == ["gpt-fast"]
    assert [pool.label for pool in pooled([FOREIGN, other])] == ["gpt-fast", "gpt-fast (batch 8)"]


def test_a_pool_never_mixes_what_counts_differently() -> None:
    runs = [*FULL, FOREIGN, *(dataclasses.replace(run, definition=TOTAL) for run in FULL)]
    random.Random(0).shuffle(runs)
    for pool in pooled(runs):
        assert len({run.definition for run in pool.runs}) == 1


def test_percentages_are_not_given_across_definitions() -> None:
    runs = [FULL[0], dataclasses.replace(FULL[1], definition=TOTAL)]
    figure = progression(runs)
    (axes,) = (axes for axes in figure.axes if axes.get_ylabel() == "tokens/s")
    assert not any("%" in text.get_text() for text in axes.texts)


# Colours

# Machado, Oliveira and Fernandes 2009: what who lacks a kind of cone sees, in linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(color: str) -> np.ndarray:
    parts = np.array(to_rgb(color))
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(color: str, blindness: str) -> np.ndarray:
    """CIE L*a*b* of a colour as it is seen."""
    seen = np.clip(BLINDNESS[blindness] @ linear(color), 0, 1)
    ratios = XYZ @ seen / (XYZ @ np.ones(3))
    x, y, z = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colours, 1 to 21."""
    lights = sorted(float(XYZ[1] @ linear(color)) + 0.05 for color in (one, other))
    return lights[1] / lights[0]


@every_theme
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_neighbouring_colours_are_told_apart_with_every_colour_vision(
    theme: str, blindness: str
) -> None:
    colors = [lab(fill_of(stage, theme=THEMES[theme]).color, blindness) for stage in STAGES]
    for one, other in itertools.combinations(colors, 2):
        # Blue and green are closest without the cones for blue, which one in ten thousand lacks.
        assert np.linalg.norm(one - other) > (15 if blindness == "tritanopia" else 20)


@every_theme
def test_nothing_depends_on_colour_alone(theme: str) -> None:
    looks = [fill_of(stage, theme=THEMES[theme]) for stage in (*STAGES, "another")]
    assert len({look.hatch for look in looks}) == len(looks)
    assert len({look.marker for look in looks}) == len(looks)


@pytest.mark.parametrize("look", THEMES.values(), ids=str)
def test_words_stand_out_from_the_ground(look: Theme) -> None:
    assert contrast(look.ink, look.ground) > 12
    assert contrast(look.faint, look.ground) > 6
