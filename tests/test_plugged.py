"""A participant's functions in place of ours."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from workshop.learn.exercise import exercises
from workshop.llm.quantization import int8
from workshop.llm.text.tokenizer import Tokenizer
from workshop.record.results import PREFIX, Result, from_json
from workshop.record.runlog import RunLog
from workshop.runner.assemble import Place
from workshop.runner.launch import measure_rank
from workshop.runner.measure import measure
from workshop.runner.models import EMBEDDED
from workshop.runner.plugged import plugged, settings_with
from workshop.runner.ranks.rank import Rank
from workshop.runner.token_check import OwnRun, compared
from workshop.stages import settings_of, variant
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

QUICK = replace(settings_of("baseline"), model="tiny:1", dtype="float32", samples=1, new_tokens=8)

CODE = """
import torch

def quantize_rows(weight):
    return torch.zeros(weight.shape, dtype=torch.int8), torch.ones(weight.shape[0])

def int8_linear(x, values, scale):
    return x @ values.to(x.dtype).T * scale + 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "exercise.py"
    path.write_text(CODE)
    return path


def test_theirs_is_used_while_it_lasts(file: Path) -> None:
    with plugged(f"quantize={file}"):
        linear = int8.Int8Linear.from_weight(torch.ones(3, 5))
        assert linear(torch.ones(2, 4, 5)).tolist() == [[[7.0] * 3] * 4] * 2
    linear = int8.Int8Linear.from_weight(torch.ones(3, 5))
    assert linear(torch.ones(1, 5)).sum() == pytest.approx(15, rel=0.01)


def test_a_run_with_theirs_is_marked(file: Path) -> None:
    settings = settings_of("quantize")
    settings = replace(settings, **settings_with(settings, "quantize", file))
    assert variant(settings) == "exercise quantize"
    assert settings.title == "exercise-quantize"


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("napkin", CODE, "'napkin' cannot be run as a stage"),
        ("quantize", "x = 1", "no attribute 'quantize_rows'"),
        ("quantize", "def f(:", "line 1"),
    ],
)
def test_what_cannot_be_put_in_place(tmp_path: Path, name: str, code: str, said: str) -> None:
    file = tmp_path / "exercise.py"
    file.write_text(code)
    with pytest.raises(UsageError, match=said), plugged(f"{name}={file}"):
        pass


def test_their_attention_says_what_ours_does(tmp_path: Path) -> None:
    solution = (exercises()["attention"].solution / "exercise.py").read_text()
    file = tmp_path / "exercise.py"
    file.write_text(f"{solution}\n\nprint('this is mine')\n")
    ours = run(QUICK)
    theirs = run(replace(QUICK, **settings_with(QUICK, "attention", file)))
    assert theirs[0].status == "ok"
    assert theirs[0].samples[0].tokens == ours[0].samples[0].tokens
    assert f"Exercise attention: the functions of {file} are in place of ours" in theirs[1]


def test_prompts_that_need_a_mask_are_not_for_their_attention(tmp_path: Path) -> None:
    settings = replace(
        QUICK, exercise=attention_of("", tmp_path), prompts=("a longer one than it",)
    )
    assert "knows no mask" in (run(settings)[0].reason or "")


HELPED = """
import torch
from helpers import seven

def quantize_rows(weight):
    return torch.zeros(weight.shape, dtype=torch.int8), torch.ones(weight.shape[0])

def int8_linear(x, values, scale):
    return x @ values.to(x.dtype).T * scale + seven()
"""


@pytest.mark.parametrize("number", [7.0, 9.0])  # the second run has helpers of its own
def test_modules_beside_the_file_can_be_imported(tmp_path: Path, number: float) -> None:
    (tmp_path / "exercise.py").write_text(HELPED)
    (tmp_path / "helpers.py").write_text(f"def seven():\n    return {number}\n")
    path = list(sys.path)
    with plugged(f"quantize={tmp_path / 'exercise.py'}"):
        assert sys.path == path
        linear = int8.Int8Linear.from_weight(torch.ones(3, 5))
        assert linear(torch.ones(1, 5)).tolist() == [[number] * 3]
    assert "helpers" not in sys.modules


def test_modules_beside_the_file_hide_no_other(tmp_path: Path) -> None:
    (tmp_path / "exercise.py").write_text(f"import colorsys\ncolorsys.hsv_to_rgb\n{CODE}")
    (tmp_path / "colorsys.py").write_text("raise SystemExit('not this one')")
    with plugged(f"quantize={tmp_path / 'exercise.py'}"):
        pass


@pytest.mark.parametrize(
    ("helpers", "expected"),
    [
        ("def seven(:\n", "helpers.py, line 1"),
        ("eight = 8\n", "cannot import name 'seven'"),
        (None, "No module named 'helpers': a module of your own must lie beside exercise.py"),
    ],
)
def test_what_is_wrong_with_a_module_beside_the_file(
    tmp_path: Path, helpers: str | None, expected: str
) -> None:
    (tmp_path / "exercise.py").write_text(HELPED)
    if helpers is not None:
        (tmp_path / "helpers.py").write_text(helpers)
    with pytest.raises(UsageError, match=expected), plugged(f"quantize={tmp_path}/exercise.py"):
        pass


def test_what_is_not_written_yet_is_told_with_its_line(tmp_path: Path) -> None:
    exercise = attention_of("raise NotImplementedError", tmp_path)
    result, log = run(replace(QUICK, exercise=exercise))
    file = exercise.partition("=")[2]
    assert (
        result.reason == f"{file}, line 2: not written yet: 'workshop check attention' comes first"
    )
    assert "Traceback" not in log


def test_a_run_tells_whether_the_tokens_are_the_engines_own(tmp_path: Path) -> None:
    solution = exercises()["attention"].solution / "exercise.py"
    result, log = run_as_job(replace(QUICK, **settings_with(QUICK, "attention", solution)))
    assert result.token_check is not None
    assert result.token_check.first_difference is None
    assert "Your functions: right: all 8 tokens are the engine's own" in log
    assert from_json(log.splitlines()[-1].removeprefix(PREFIX)) == result


def test_a_run_tells_the_first_token_that_differs(tmp_path: Path) -> None:
    exercise = attention_of("return given[2].mean(1, keepdim=True).expand_as(given[0])", tmp_path)
    result, log = run_as_job(replace(QUICK, exercise=exercise))
    assert result.status == "ok"
    check = result.token_check
    assert check is not None
    assert check.first_difference is not None
    own = run(QUICK)[0].samples[0].tokens
    theirs = result.samples[0].tokens
    assert theirs[: check.first_difference] == own[: check.first_difference]
    assert theirs[check.first_difference] != own[check.first_difference]
    assert f"token {check.first_difference + 1} of 8 is not the engine's own" in log
    assert result.warnings[-1].startswith("the functions of the exercise are wrong: token ")


@pytest.mark.parametrize(
    ("yours", "gap", "rounding", "sentence"),
    [
        ([5, 6, 7], None, False, "right: all 3 tokens"),
        ([5, 6], None, False, "wrong: token 3 of 3"),
        ([5, 8, 7], 0.1, True, "right up to rounding: 1 of 3 tokens"),
        ([5, 9, 7], 1.5, False, "wrong: token 2 of 3"),
    ],
)
def test_rounding_may_choose_the_other_of_two_likely_tokens(
    yours: list[int], gap: float | None, rounding: bool, sentence: str
) -> None:
    likely = torch.full((3, 1024), -50.0)
    likely[1, 6], likely[1, 8], likely[1, 9] = -0.5, -0.6, -2.0
    own = OwnRun([5, 6, 7], likely, Tokenizer(EMBEDDED / "verifier" / "tokenizer.model"), 0.3)
    check = compared(yours, own)
    assert check.gap == (None if gap is None else pytest.approx(gap, rel=1e-4))
    assert check.rounding is rounding
    assert check.sentence.startswith(sentence)


def run_as_job(settings: Settings) -> tuple[Result, str]:
    out = io.StringIO()
    result = measure_rank(settings, Rank(), out)
    return result, out.getvalue()


def attention_of(body: str, place: Path) -> str:
    """As the settings name it: an exercise.py whose attention does that."""
    file = place / "exercise.py"
    file.write_text(f"def attention(*given):\n    {body or 'pass'}\n")
    return f"attention={file}"


def run(settings: Settings) -> tuple[Result, str]:
    out = io.StringIO()
    result = measure(settings, Place(torch.device("cpu")), RunLog(out))
    return result, out.getvalue()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        settings_with(settings_of("quantize"), "quantize", tmp_path / "none.py")
