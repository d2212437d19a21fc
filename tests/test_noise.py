"""Noise is not physics: what differs by less than it scatters has no cause that could be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import result
from hypothesis import given
from hypothesis import strategies as st

from workshop.analysis.explain import why
from workshop.analysis.noise import cautions, is_busy, too_noisy
from workshop.figures.caption import warnings_for
from workshop.record.results import Result
from workshop.runner import machine
from workshop.stages import STAGES
from workshop.stages.sentences import megabytes, read_bytes

BUSY = (
    "2 other processes running on this machine's 2 processors: timings will be too slow and "
    "uneven; run again when it is idle"
)
CAUSES = ("not what t", "kernels", "all-reduces", "costs more", "one graph", "bandwidth is what")


def steady(stage: str, speed: float, **fields: Any) -> Result:
    return result(stage, speed * 0.999, speed, speed * 1.001, **fields)


def uneven(stage: str, speed: float, **fields: Any) -> Result:
    return result(stage, speed * 0.7, speed, speed * 1.3, **fields)


@pytest.mark.parametrize("name", [name for name, stage in STAGES.items() if stage.against])
@pytest.mark.parametrize("ratio", [0.9, 1.0, 1.1])
def test_a_difference_that_is_smaller_than_the_scatter_has_no_cause(
    name: str, ratio: float
) -> None:
    base = steady(STAGES[name].against or "", 100)
    run = uneven(name, 100 * ratio, world_size=2, mean_accepted=1.0)
    said = why(run, base)
    assert "too noisy to tell why, the samples scatter by" in said
    assert not any(cause in said for cause in CAUSES)
    assert said == why(run, base)


@pytest.mark.parametrize("name", [name for name, stage in STAGES.items() if stage.against])
@pytest.mark.parametrize("which", ["the run", "what it builds on"])
def test_beside_a_busy_machine_nothing_is_explained(name: str, which: str) -> None:
    base, run = steady(STAGES[name].against or "", 100), steady(name, 60, world_size=2)
    if which == "the run":
        run = replace(run, warnings=[BUSY])
    else:
        base = replace(base, warnings=[BUSY])
    said = why(run, base)
    busy = run if which == "the run" else base
    assert f"too noisy to tell why, other processes used the machine during {busy.label}" in said
    assert not any(cause in said for cause in CAUSES)


def test_a_run_alone_on_a_busy_machine_is_not_explained() -> None:
    said = why(steady("baseline", 100, mbu=0.1, warnings=[BUSY]), None)
    assert said.startswith("A token takes 10 ms: too noisy to tell why, other processes")
    assert "small kernels" not in said


def test_what_is_larger_than_the_scatter_is_explained_as_ever() -> None:
    base = steady("baseline", 100)
    assert "one graph" in why(uneven("compile", 250), base)
    assert "little for a graph to save" in why(steady("compile", 90), base)
    other = "the device's bandwidth was not measured"
    assert "one graph" in why(steady("compile", 250, warnings=[other]), base)


def test_one_sample_has_no_scatter() -> None:
    assert too_noisy(result("compile", 101), result("baseline", 100)) is None


def test_the_machines_own_warning_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for running, busy in (("2/300", True), ("9/300", True), ("1/300", False)):
        monkeypatch.setattr(Path, "read_text", lambda self, r=running: f"1.0 1.0 1.0 {r} 4711")
        warning = machine.busy_warning()
        assert (warning is not None) == busy
        if warning is not None:
            assert is_busy(steady("baseline", 100, warnings=[warning]))


def test_figures_and_reports_caution_as_well() -> None:
    base = steady("baseline", 100)
    noisy = [base, uneven("compile", 105), steady("quantize", 300, warnings=[BUSY])]
    told = "\n".join(cautions(noisy))
    assert "other processes used the machine during quantize: differences may be noise" in told
    assert "compile beside baseline is too noisy to tell: the samples scatter by" in told
    assert set(cautions(noisy)) <= set(warnings_for(noisy))
    assert cautions([base, steady("compile", 200), steady("quantize", 300)]) == []


@given(st.lists(st.floats(10, 1000), min_size=1, max_size=8), st.integers(10**6, 10**11))
def test_bytes_of_weights_are_exact_however_uneven_the_samples_are(
    speeds: list[float], size: int
) -> None:
    run = result("baseline", *speeds)
    rates = [one.tokens_per_second or 0.0 for one in run.samples]
    bandwidth = size * sum(rates) / len(rates) / 1e9
    run = replace(run, bandwidth_gb_per_second=bandwidth)
    assert read_bytes(run) == pytest.approx(size, rel=1e-9)


@pytest.mark.parametrize(
    ("count", "words"),
    [(13_934_720, "13.9 MB"), (214_991_360, "215 MB"), (13_476_831_232, "13477 MB"),
     (1_500, "0.0015 MB")],
)  # fmt: skip
def test_megabytes_as_people_read_them(count: int, words: str) -> None:
    assert megabytes(count) == words
