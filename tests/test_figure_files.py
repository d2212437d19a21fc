"""How the figure looks, and how it gets into a file."""

from __future__ import annotations

import itertools
import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import pytest
from builders import failed, result
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from workshop.figures.progression import progression
from workshop.figures.theme import FigureError, fill_of, made_here, save_figure
from workshop.record.results import Reference
from workshop.stages import STAGES
from workshop.util.errors import UsageError
from workshop.util.text import number, signed_percent

SPEEDS = {"baseline": 40.0, "compile": 100.0, "quantize": 160.0, "speculative": 120.0, "tp": 240.0}
STAGE_RUNS = [result(stage, speed, speed + 2) for stage, speed in SPEEDS.items()]
SUFFIXES = [".png", ".svg", ".pdf"]


# How it looks


CROWDS = {
    "few": [result("baseline", 241, reference=Reference("eager float32", 260, None, []))],
    "close reference": [
        result("baseline", 241, 250, reference=Reference("eager float32", 238, None, [])),
        *STAGE_RUNS[1:],
    ],
    "far reference": [
        result("baseline", 100, reference=Reference("eager float32", 400, None, [])),
        result("compile", 500),
    ],
    "tiny and huge": [
        result("baseline", 0.0000193, bandwidth_gb_per_second=0.000341),
        result("compile", 123456.0, 99999.0, memory_gb=98765.4),
        result("quantize", 2e9, memory_gb=1e-7),
    ],
    "eight with gaps": [
        *STAGE_RUNS,
        result("tp", 333, options={"quantize": "none", "ranks": 4, "dtype": "float32"}),
        result("speculative", 999, 500, options={"speculate": "prompt-lookup"}),
        failed("turbo"),
    ],
}


@pytest.mark.parametrize("crowd", CROWDS)
def test_no_text_touches_another(crowd: str) -> None:
    figure = progression(CROWDS[crowd])
    figure.canvas.draw()
    for axes in figure.axes:
        labels = [*axes.texts, *axes.get_xticklabels()]
        boxes = [label.get_window_extent() for label in labels]
        for one, other in itertools.combinations(boxes, 2):
            assert not one.overlaps(other)
    everything = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    everything += [label for axes in figure.axes for label in axes.get_xticklabels()]
    for text in everything:
        box = text.get_window_extent()
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0
    lowest = min(
        label.get_window_extent().y0 for axes in figure.axes for label in axes.get_xticklabels()
    )
    assert max(text.get_window_extent().y1 for text in figure.texts) <= lowest


@pytest.mark.parametrize("crowd", CROWDS)
def test_bars_and_labels_stay_inside_their_panel(crowd: str) -> None:
    figure = progression(CROWDS[crowd])
    figure.canvas.draw()
    for axes in figure.axes:
        assert all(text.get_window_extent().y1 <= axes.bbox.y1 for text in axes.texts)
        assert axes.get_ylim()[0] == 0


def test_stages_are_told_apart_without_colour() -> None:
    def lightness(color: str) -> float:
        linear = [((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(color)]
        luminance = sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
        return 116 * luminance ** (1 / 3) - 16

    looks = [fill_of(stage) for stage in STAGES]
    steps = [lightness(look.color) for look in looks]
    assert all(one - next_one > 10 for one, next_one in itertools.pairwise(steps))
    assert len({look.hatch for look in looks}) == len(looks)


def test_a_name_with_dollars_or_line_ends_is_drawn_as_it_is(tmp_path: Path) -> None:
    run = result("baseline", 40, model="$\\frac{$ a\nb\x00 模型")
    save_figure(progression([run]), tmp_path / "figure.png")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0193, "0.0193"),
        (3.408, "3.41"),
        (3.4, "3.40"),
        (99.96, "100"),
        (241.4, "241"),
        (12345.0, "12300"),
        (1.2345e9, "1.23e+09"),
        (0.00001234, "1.23e-05"),
        (0.0, "0"),
    ],
)
def test_numbers_have_three_digits_as_people_read_them(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (248.9, "+148.9 %"),
        (56.8, "−43.2 %"),
        (100.0, "+0.0 %"),
        (99.99, "+0.0 %"),
        (0.0, "−100.0 %"),
        (1234.0, "+1134 %"),
        (1e9, "+1.00e+09 %"),
    ],
)
def test_changes_have_their_sign(value: float, text: str) -> None:
    assert signed_percent(value, 100.0) == text


# Into a file


@contextmanager
def no_room_on_disk(size: int) -> Iterator[None]:
    """No file of this process may grow over ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def figure() -> Figure:
    return progression(STAGE_RUNS)


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89")],
)
def test_the_suffix_tells_the_format(
    figure: Figure, tmp_path: Path, suffix: str, start: bytes
) -> None:
    path = tmp_path / f"figure{suffix}"
    save_figure(figure, path)
    assert path.read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["figure", "figure.jpg", "figure.png.bak"])
def test_another_suffix_is_refused_and_the_three_are_named(
    figure: Figure, tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError, match=r"\.png, \.svg or \.pdf"):
        save_figure(figure, tmp_path / name)


def test_a_path_that_cannot_be_written_is_the_users_mistake(figure: Figure, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no folder .*missing"):
        save_figure(figure, tmp_path / "missing" / "figure.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        save_figure(figure, tmp_path / "folder.png")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_results_give_the_same_file(tmp_path: Path, suffix: str) -> None:
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    save_figure(progression(STAGE_RUNS), one)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):  # a user's own style
        save_figure(progression(STAGE_RUNS[::-1]), other)
    assert one.read_bytes() == other.read_bytes()


def test_a_full_disk_leaves_the_old_file_and_nothing_else(figure: Figure, tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    path.write_bytes(b"the old figure")
    with no_room_on_disk(1000), pytest.raises(FigureError, match=r"cannot write .*figure\.png: "):
        save_figure(figure, path)
    assert path.read_bytes() == b"the old figure"
    assert os.listdir(tmp_path) == ["figure.png"]


def test_a_link_is_written_through(figure: Figure, tmp_path: Path) -> None:
    link = tmp_path / "link.png"
    link.symlink_to("real.png")
    save_figure(figure, link)
    assert link.is_symlink()
    assert (tmp_path / "real.png").read_bytes().startswith(b"\x89PNG")


def test_others_may_read_the_figure_as_they_may_any_new_file(
    figure: Figure, tmp_path: Path
) -> None:
    save_figure(figure, tmp_path / "figure.png")
    (tmp_path / "new").touch()
    assert (tmp_path / "figure.png").stat().st_mode == (tmp_path / "new").stat().st_mode


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_figure_of_ours_is_known_again(figure: Figure, tmp_path: Path, suffix: str) -> None:
    ours, foreign = tmp_path / f"ours{suffix}", tmp_path / f"foreign{suffix}"
    save_figure(figure, ours)
    figure.savefig(foreign)
    assert made_here(ours)
    assert not made_here(foreign)
    assert not made_here(tmp_path / f"missing{suffix}")


def test_nothing_is_said_of_fonts_that_take_long_to_look_at() -> None:
    """A command that draws says on standard error what went wrong, and nothing else."""
    assert not logging.getLogger("matplotlib.font_manager").isEnabledFor(logging.WARNING)
