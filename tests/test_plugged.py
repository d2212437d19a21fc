"""A participant's functions in place of ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from workshop.llm.quantization import int8
from workshop.plugged import plugged, settings_with
from workshop.stages import UsageError, settings_of, variant

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


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        settings_with(settings_of("quantize"), "quantize", tmp_path / "none.py")
