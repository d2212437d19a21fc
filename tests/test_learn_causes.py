"""Causes of wrong answers: named where one mistake explains every call, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from workshop.learn.causes import Call, cause, fault_cause, near, number_cause

GIVEN = [(3.0, 5.0, 2.0), (3.0, 7.0, 2.0), (11.0, 5.0, 4.0), (2.5, 13.0, 8.0), (9.0, 2.0, 16.0),
         (4.0, 3.0, 32.0)]  # fmt: skip
NAMES = ("size", "count", "width")


def right(size: float, count: float, width: float) -> float:
    return 2 * size * count / width


def calls(wrong: Callable[..., Any]) -> list[Call]:
    return [Call(given, right(*given), wrong(*given)) for given in GIVEN]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda s, c, w: 2 * s / w, "count is left out: the result does not change with it"),
        (lambda s, c, w: 2 * s * c * w, "width multiplies where it divides"),
        (lambda s, c, w: 2 * s / c / w, "count divides where it multiplies"),
        (lambda s, c, w: 2 * s * s * c / w, "size counts to the power of 2, which should be 1"),
        (lambda s, c, w: w / (2 * s * c), "the inverse"),
        (lambda s, c, w: 1e3 * w / (2 * s * c), "the other way round; 1000 times too large"),
        (lambda s, c, w: 2e3 * s * c / w, "1000 times too large: check the units"),
        (lambda s, c, w: s * c / w / 4, "8 times too small: a byte is 8 bits"),
        (lambda s, c, w: 6 * s * c / w, "a constant factor is 3 times what it should be"),
        (lambda s, c, w: 2 * s * c / w / (2**30 / 1e9), "1 GB is 1e9 bytes here, not 2**30"),
        (lambda s, c, w: round(2 * s * c / w, 1), "this is rounded"),
        (lambda s, c, w: int(2 * s * c / w), "the fraction is cut off"),
        (lambda s, c, w: -2 * s * c / w, "the sign is the other way round"),
    ],
)
def test_what_a_product_has_wrong_is_found_without_a_list(
    wrong: Callable[..., float], words: str
) -> None:
    found = number_cause(calls(wrong), (), NAMES)
    assert found is not None
    assert words in found


@pytest.mark.parametrize(
    "wrong",
    [
        right,
        lambda s, c, w: 2 * s * c / w + 1,
        lambda s, c, w: 2 * s * c / w if w < 8 else 0.0,
        lambda s, c, w: 2 * s + c / w,
        lambda s, c, w: 0.0,
        lambda s, c, w: 17.0,
    ],
)
def test_nothing_is_named_that_does_not_explain_every_call(wrong: Callable[..., float]) -> None:
    found = number_cause(calls(wrong), (), NAMES)
    assert found is None or "left out" in found  # a constant leaves everything out


def test_too_few_calls_prove_no_product() -> None:
    few = calls(lambda s, c, w: 2 * s / w)[:4]
    assert number_cause(few, (), NAMES) is None


def test_a_mistake_is_named_if_it_alone_explains_all_calls() -> None:
    slips = (
        ("no width", lambda s, c, w: 2 * s * c),
        ("width where it is small", lambda s, c, w: 2 * s * c / min(w, 16)),
        ("cannot even be made", lambda s, c, w: 1 / (s - s)),
    )
    assert cause(calls(lambda s, c, w: 2 * s * c), slips, near) == "no width"
    assert cause(calls(lambda s, c, w: 2 * s * c / min(w, 16)), slips, near) == slips[1][0]
    assert cause(calls(lambda s, c, w: s), slips, near) is None
    assert cause([], slips, near) is None


def test_two_mistakes_that_give_the_same_are_not_told_apart() -> None:
    same = lambda s, c, w: 2 * s * c  # noqa: E731
    assert cause(calls(same), (("one", same), ("another", same)), near) is None
    assert cause(calls(same), (("one", same), ("one", same)), near) == "one"


def test_an_error_is_explained_where_its_text_says_it_all() -> None:
    assert fault_cause("ValueError (line 3): nothing known") is None
    assert fault_cause("TypeError (line 3): f() missing 1 required positional argument") is None
    mixed = "RuntimeError (line 3): expected m1 and m2 to have the same dtype, but got: float"
    assert "one dtype" in (fault_cause(mixed) or "")
