"""Predictions: numbers or choices that a participant writes into answers.toml before running.

What is asked stands in the participant's file as a comment; what is expected, how near it must be
and why stands in the solution's.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

OPEN = "?"  # what an answer is until there is one
MOST_BYTES = 100_000
MOST = sys.float_info.max


class AnswersError(ValueError):
    """A participant's answers.toml that cannot be read; the message says where."""


class Slip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wrong answer that people give, and where it comes from."""

    value: float | str
    because: str


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an answer should be.

    Attributes:
        value: the answer; None where any number between ``low`` and ``high`` will do, because it
            is a prediction about one's own machine.
        within: relative distance for all points; ``nearly`` for half of them.
        choices: words, where any of them will do, for the same reason.
        example: what is right of the machine whose logs lie beside the solution.
    """

    reasoning: str
    value: float | str | None = None
    unit: str = ""
    within: float = 0.02
    nearly: float = 0.1
    low: float = 0.0
    high: float = float("inf")
    choices: list[str] = []
    example: float | str | None = None
    points: int = 1
    wrong: list[Slip] = []


@dataclass(frozen=True)
class Question:
    """One prediction that is asked for."""

    key: str
    expected: Expected


@dataclass(frozen=True)
class Judged:
    """How an answer was judged: a share of the points, and why."""

    share: float
    message: str
    expected: str | None
    actual: str | None
    hint: str | None


def read_questions(data: dict[str, Any]) -> list[Question]:
    """Questions from a solution's answers.toml; raises ValueError."""
    return [Question(key, msgspec.convert(value, Expected)) for key, value in data.items()]


def read_answers(path: Path) -> dict[str, Any]:
    """What a participant answered; raises AnswersError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise AnswersError(f"{path.name} is larger than {MOST_BYTES // 1000} kB")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnswersError(f"{path.name}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise AnswersError(f"{path.name}: {error}") from None


def judge(question: Question, answer: Any) -> Judged:
    """Compare an answer with what is expected."""
    expected = question.expected
    if answer is None or answer == OPEN:
        return Judged(0, "no answer yet", None, None, "write your prediction before you run")
    if isinstance(expected.value, str):
        return judge_choice(expected, expected.value, answer)
    if expected.choices:
        return judge_word(expected.choices, answer)
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        wanted = f"a number{of(expected)}"
        return Judged(0, "this is not a number", wanted, shown(answer), None)
    if not -MOST <= answer <= MOST:  # inf, nan, or an int of a thousand digits
        return Judged(0, "this is not a finite number", f"a number{of(expected)}", None, None)
    if expected.value is None:
        if expected.low <= answer <= expected.high:
            return Judged(1, "noted", None, None, None)
        wanted = f"between {expected.low:g} and {expected.high:g}{of(expected)}"
        return Judged(0, "this cannot be", wanted, f"{answer:g}", expected.reasoning)
    off = abs(answer - expected.value) / max(abs(expected.value), 1e-30)
    if off <= expected.within:
        return Judged(1, "right", None, None, None)
    hint = next(
        (
            slip.because
            for slip in expected.wrong
            if isinstance(slip.value, int | float)
            and abs(answer - slip.value) <= 0.01 * abs(slip.value)
        ),
        None,
    )
    actual = f"{answer:g}{of(expected)}"
    if off <= expected.nearly:
        return Judged(0.5, "nearly right", f"within {expected.within:.0%}", actual, hint)
    far = f"{answer / expected.value:.2g} times what it should be" if expected.value else "off"
    return Judged(0, f"this is {far}", None, actual, hint)


def judge_choice(expected: Expected, right: str, answer: Any) -> Judged:
    if not isinstance(answer, str):
        return Judged(0, "this is not one of the words", None, shown(answer), None)
    given = answer.strip().lower()
    if given == right.lower():
        return Judged(1, "right", None, None, None)
    slips = (s for s in expected.wrong if str(s.value).lower() == given)
    slip = next(slips, None)
    return Judged(0, "not this", None, answer[:100], slip.because if slip else None)


def judge_word(choices: list[str], answer: Any) -> Judged:
    """An answer that may be any of some words."""
    if isinstance(answer, str) and answer.strip().lower() in choices:
        return Judged(1, "noted", None, None, None)
    return Judged(0, "this is not one of the words", ", ".join(choices), shown(answer), None)


def of(expected: Expected) -> str:
    return f" {expected.unit}" if expected.unit else ""


def shown(answer: Any) -> str:
    """Whatever TOML can hold, as text of at most 100 characters."""
    try:
        return repr(answer)[:100]
    except (ValueError, RecursionError):  # Python writes no int of many thousand digits
        return f"a {type(answer).__name__} too large to show"
