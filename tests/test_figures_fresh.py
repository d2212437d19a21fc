"""Figures, tables and constants in this repository are those of the code beside them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from quoted import predictions, stamp
from quoted.blocks import blocks_in, files_with_blocks
from quoted.parts import PARTS
from quoted.places import LOGS, PLOTS, ROOFLINE, ROOT
from quoted.rendering import RENDERERS, text_of
from quoted.stored import Stored

from workshop.roofline import efficiency, fit, measurements
from workshop.roofline.against import case_of, compare

STORED = Stored()
BLOCKS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in files_with_blocks()
}


@pytest.mark.parametrize("name", PARTS)
def test_nothing_that_decides_a_figure_has_changed_since_it_was_measured(name: str) -> None:
    stamps = stamp.read()
    assert name in stamps, f"{name} was never measured: run make figures"
    assert not stamp.stale([PARTS[name]], stamps), (
        f"the engine has changed since the figures of {name} were measured at commit "
        f"{stamps[name].commit}: run make figures"
    )


@pytest.mark.parametrize("name", PARTS)
def test_figures_are_measured_at_a_commit_by_nobody_else_s_side(name: str) -> None:
    """With '+' behind it, a commit does not name what was measured."""
    measured = stamp.read()[name]
    assert re.fullmatch(r"[0-9a-f]{10}", measured.commit), f"measure {name} at a commit"
    assert measured.busy is None, f"{name} was measured on a busy machine: run make figures"


def test_all_figures_are_of_one_machine() -> None:
    assert len({one.host for one in stamp.read().values()}) == 1


@pytest.mark.parametrize("name", BLOCKS)
def test_generated_blocks_are_what_the_results_say(name: str) -> None:
    told = "written by hand, or not rendered: run python benchmarks/figures.py render"
    assert text_of(BLOCKS[name], STORED, name) == BLOCKS[name], f"{name}: {told}"


def test_every_block_has_a_function_and_every_function_a_block() -> None:
    there = [block for name, text in BLOCKS.items() for block in blocks_in(text, name)]
    assert sorted(set(there)) == sorted(RENDERERS)


def test_the_demo_s_rows_and_a_cpu_s_constants_are_made_of_the_results() -> None:
    assert measurements.DEMO.read_text("utf-8") == predictions.measured_rows(STORED)
    found = predictions.refitted(measurements.measurements())
    assert efficiency.CONSTANTS.read_text("utf-8") == fit.as_toml(found)


def test_the_solution_of_the_roofline_has_the_demo_s_logs() -> None:
    ours, theirs = (
        {path.name: path.read_bytes() for path in folder.glob("*.out")}
        for folder in (LOGS, ROOFLINE)
    )
    assert len(ours) == 5
    assert ours == theirs


@pytest.mark.parametrize("page", ["README.md", "docs/figures.md"])
def test_the_gallery_has_every_picture_that_is_shown(page: str) -> None:
    path = ROOT / page
    shown = re.findall(r"\]\(((?:\.\./)?plots/[\w-]+\.png)\)", path.read_text("utf-8"))
    assert shown
    for target in shown:
        assert (path.parent / target).resolve().is_file(), f"{page} shows {target}"
        assert (path.parent / target).resolve().parent == PLOTS


def test_every_stage_of_the_demo_is_within_20_percent_of_what_is_expected() -> None:
    for name, run in STORED.demo.items():
        found = compare(run, case_of(run))
        assert 0.8 < found.against_expected < 1.2, name
