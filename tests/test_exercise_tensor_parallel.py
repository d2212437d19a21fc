"""Tensor parallelism: what is wrong is named, however far a sum had come when somebody looked."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest
import torch

from workshop.learn.checking import Wrong
from workshop.learn.exercise import checks_of, exercises, package_of


@pytest.fixture(scope="module")
def exchanges() -> ModuleType:
    exercise = exercises()["tensor-parallel"]
    checks_of(exercise)  # which imports them
    return importlib.import_module(f"{package_of(exercise)}.exchanges")


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_sum_that_is_half_there_was_not_waited_for(exchanges: ModuleType, rows: int) -> None:
    x, weight = torch.randn(4, 6), torch.randn(8, 6)
    given = [[x[:, ends], weight[:, ends], None] for ends in (slice(3), slice(3, 6))]
    own = [part @ columns.T for part, columns, _ in given]
    half = (x @ weight.T).clone()
    half[rows:] = own[0][rows:]
    told = [{"value": one, "exchanges": [["all-reduce", [4, 8]]]} for one in (half, own[1])]
    with pytest.raises(Wrong) as wrong:
        exchanges.judge_row(told, x, weight, None, given)
    assert "was not waited for" in (wrong.value.hint or "")


def test_inputs_that_are_summed_are_told_also_where_they_have_the_shape_of_the_product(
    exchanges: ModuleType,
) -> None:
    x, weight = torch.randn(4, 16), torch.randn(8, 16)
    given = [[x[:, ends], weight[:, ends], None] for ends in (slice(8), slice(8, 16))]
    summed = x[:, :8] + x[:, 8:]
    told = [
        {"value": summed @ part.T, "exchanges": [["all-reduce", [4, 8]]]} for _, part, _ in given
    ]
    with pytest.raises(Wrong) as wrong:
        exchanges.judge_row(told, x, weight, None, given)
    assert "exchange only after the product" in (wrong.value.hint or "")
