"""The five functions for notebooks and scripts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import record_line, result

import workshop
from workshop.figures import KINDS, THEME_NAMES
from workshop.record.results import Result
from workshop.util.errors import UsageError

# Python imports it at its start: loading a model then fails in a way that nobody expects.
BROKEN = """
import sys
from importlib.abc import MetaPathFinder

class Breaking(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "workshop.runner.assemble":
            sys.meta_path.remove(self)
            from workshop.runner import measure
            measure.assemble = lambda settings, place: 1 // 0

sys.meta_path.insert(0, Breaking())
"""


@pytest.fixture(scope="module")
def measured() -> Result:
    return workshop.run("baseline", model="tiny:1", samples=2, new_tokens=8)


def test_a_stage_is_measured_in_this_process_without_output(
    measured: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measured.status == "ok"
    assert len(measured.samples) == 2
    assert measured.settings is not None
    assert measured.settings.new_tokens == 8
    workshop.run("baseline", model="tiny:1", samples=1, new_tokens=2)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("stage", "settings", "sentence"),
    [
        ("turbo", {}, "there is no stage 'turbo'"),
        ("baseline", {"sample": 2}, "there is no setting 'sample'"),
        ("speculative", {"batch_size": 2}, "speculation handles one sequence at a time"),
        ("speculative", {"batch_size": 2}, "use batch_size=1, or speculate='none'"),
        ("speculative", {"decode_steps": 4}, "decode_steps puts several plain decode steps"),
        ("baseline", {"adaptive": True}, "add speculate='draft'"),
        ("baseline", {"compile_mode": "default"}, "nothing is compiled: add compile=True"),
        ("baseline", {"new_tokens": 10**6}, r"use new_tokens=\d+ or a shorter prompt"),
        ("tp", {"ranks": 5}, "choose another number with ranks$"),
    ],
)
def test_what_cannot_be_run_is_a_usage_error(
    stage: str, settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        workshop.run(stage, **settings)
    assert "--" not in str(caught.value)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_run_that_fails_says_how_to_see_its_log(
    ranks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without output, several ranks write a log that is gone; one rank writes none."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    program = (
        f"import workshop; quiet = workshop.run('baseline', model='tiny:1', ranks={ranks}); "
        f"print(quiet.status, quiet.advice); print('LOUD', flush=True); "
        f"workshop.run('baseline', model='tiny:1', ranks={ranks}, quiet=False)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    quiet, _, loud = done.stdout.partition("LOUD")
    advice = "the log has the whole traceback (to see the log, use quiet=False, "
    assert quiet.startswith(f"failed {advice}"), done.stderr
    assert quiet.count("\n") == 1
    assert "ZeroDivisionError: integer division" in loud
    assert "Traceback (most recent call last)" in loud
    assert "to see the log" not in loud


def test_a_notebook_shows_a_result_as_a_table(measured: Result) -> None:
    html = measured._repr_html_()
    assert html.startswith("<table><caption>baseline")
    assert "tokens/s" in html
    assert "<script>" not in replace(measured, device="<script>")._repr_html_()


def test_logs_are_read_and_compared_and_drawn(tmp_path: Path) -> None:
    logs = []
    for name, stage, speed in (("a", "baseline", 100.0), ("b", "compile", 200.0)):
        log = tmp_path / f"{name}.out"
        log.write_text(record_line(result(stage, speed, speed)) + "\n", encoding="utf-8")
        logs.append(log)
    results = workshop.read(*logs)
    assert [one.stage for one in results] == ["baseline", "compile"]
    figure = tmp_path / "ladder.svg"
    workshop.plot(results, kind="progression", theme="slide", to=figure)
    assert figure.read_text(encoding="utf-8").startswith("<?xml")
    found = workshop.compare(results[:1], [replace(results[0], tokens_per_second=50.0)])
    assert [change.label for change in found.changes][:1] == ["baseline"]
    with pytest.raises(UsageError, match="there is no figure 'pie'"):
        workshop.plot(results, kind="pie")


@pytest.mark.parametrize("known", [KINDS, THEME_NAMES])
def test_the_docstring_of_plot_names_what_it_takes(known: Iterable[str]) -> None:
    assert workshop.plot.__doc__ is not None
    words = re.findall(r"\w+", workshop.plot.__doc__)
    assert not set(known) - set(words)


def test_a_prediction_has_an_ideal_and_an_expected_reading() -> None:
    ideal, expected = workshop.predict("llama-2-7b", gpu="a100", batch=1)
    assert ideal.tpot_seconds < expected.tpot_seconds
    with pytest.raises(UsageError, match="has no option 'gpus'"):
        workshop.predict("llama-2-7b", gpu="a100", gpus=2)
    with pytest.raises(UsageError):
        workshop.predict("no-such-model", gpu="a100")


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, workshop; print([m for m in sys.modules if m in HEAVY])"
    heavy = "HEAVY = {'torch', 'matplotlib', 'submitit', 'click', 'msgspec'}\n"
    done = subprocess.run(
        [sys.executable, "-c", heavy + program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"samples": "2"}, "samples cannot be '2': Expected `int`, got `str`"),
        ({"ranks": 2.5}, "ranks cannot be 2.5"),
        ({"fuse": "no"}, "fuse cannot be 'no'"),
        ({"prompts": "ab"}, "prompts cannot be 'ab'"),
        ({"new_tokens": None}, "new_tokens cannot be None"),
        ({"temperature": float("nan")}, "temperature cannot be nan"),
        ({"model": "/no/such/model"}, "/no/such/model"),
    ],
)
def test_a_setting_of_another_type_is_a_usage_error(
    settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        workshop.run("baseline", **settings)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tp": 0}, "tp cannot be 0"),
        ({"prompt": []}, "prompt cannot be"),
        ({"explain": True}, "has no option 'explain'"),
        ({"stage": "turbo"}, "stage cannot be 'turbo'"),
    ],
)
def test_what_a_prediction_is_asked_has_the_bounds_of_its_options(
    options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        workshop.predict("llama-2-7b", gpu="a100", **options)


def test_a_model_may_be_given_by_its_numbers() -> None:
    numbers = {"dim": 4096, "layers": 32, "heads": 32, "hidden": 11008, "vocab": 32000}
    ideal, _ = workshop.predict(gpu="a100", **numbers)
    known, _ = workshop.predict("llama-2-7b", gpu="a100")
    assert ideal.tpot_seconds == pytest.approx(known.tpot_seconds, rel=1e-3)


def test_one_result_is_drawn_and_a_notebook_shows_the_figure() -> None:
    figure = workshop.plot(result("baseline", 100.0, 110.0))
    png = figure._repr_png_()  # type: ignore[attr-defined]
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize("wrong", ["job.out", ["job.out"]])
def test_names_of_logs_are_no_results(wrong: object) -> None:
    with pytest.raises(UsageError, match=r"as workshop\.run and workshop\.read give them"):
        workshop.plot(wrong)  # type: ignore[arg-type]


def test_of_no_results_there_is_nothing_to_draw() -> None:
    from workshop.figures.theme import NothingToDrawError

    with pytest.raises(NothingToDrawError):
        workshop.plot([])
