"""Predictions: numbers or choices that a participant writes into answers.toml before running.

What is asked stands in the participant's file as a comment; what is expected, how near it must be
and why stands in the solution's.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from workshop.learn.causes import factor_in_words, in_digits

OPEN = "?"  # what an answer is until there is one
PREFIX = "answer: "  # what the name of a prediction begins with, beside names of checks
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
        whole: the answer counts something: only a whole number gets all points.
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
    whole: bool = False
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


@dataclass(frozen=True)
class Unreadable:
    """A line of answers.toml that is no TOML; ``advice`` says where it is, and what to write."""

    advice: str


def read_answers(path: Path) -> dict[str, Any]:
    """What a participant answered, without the lines that cannot be read; raises AnswersError."""
    found = read_lines(path)
    unreadable = [one.advice for one in found.values() if isinstance(one, Unreadable)]
    if unreadable and len(unreadable) == len(found):
        raise AnswersError(unreadable[0])
    return {key: value for key, value in found.items() if not isinstance(value, Unreadable)}


def read_lines(path: Path) -> dict[str, Any]:
    """What a participant answered, with an ``Unreadable`` for each line that is no TOML.

    Raises:
        AnswersError: the file cannot be read, or no line of it is KEY = VALUE.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise AnswersError(f"{path.name} is larger than {MOST_BYTES // 1000} kB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AnswersError(f"{path.name}: {error.strerror}") from None
    except ValueError as error:
        raise AnswersError(f"{path.name}: {error}") from None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return line_by_line(path.name, text, str(error))


def line_by_line(name: str, text: str, error: str) -> dict[str, Any]:
    """The lines of a file that is no TOML as a whole, each read by itself; raises AnswersError."""
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        key, separator, value = (part.strip() for part in line.partition("="))
        colon = not separator and ":" in line
        if colon:
            key, separator, value = (part.strip() for part in line.partition(":"))
        if not separator or not KEY.fullmatch(key):  # a comment, or nothing
            continue
        where = f"{name}, line {number}"
        if key in found:
            found[key] = Unreadable(f"{where}: {key} is there twice: keep one line of it")
            continue
        try:
            found[key] = tomllib.loads(line)[key]
        except (ValueError, RecursionError, KeyError):
            told = f"write {key} = {value}, with an equals sign" if colon else advice(key, value)
            found[key] = Unreadable(f"{where}: {told[:LONGEST_ADVICE]}")
    if not found:
        raise AnswersError(f"{name}: {error}")
    return found


KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
DECIMAL_COMMA = re.compile(r"([+-]?\d{1,15}),(\d{1,15})")
WITH_UNIT = re.compile(r"([+-]?\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z%/]{1,20})")
NUMBER = re.compile(r"[+-]?\d{0,15}\.?\d{0,15}(?:[eE][+-]?\d{1,3})?")
FRACTION = re.compile(r"[\d.]{1,15}\s*[/*x]\s*[\d.]{1,15}")
GROUPED = re.compile(r"\d{1,3}(?: \d{3}){1,5}(?:\.\d{1,15})?")
LONGEST_ADVICE = 300
BARE_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,60}")


def advice(key: str, value: str) -> str:
    """What to write in place of a value that is no TOML."""
    value = value.partition("#")[0].strip()
    comma = DECIMAL_COMMA.fullmatch(value)
    unit = WITH_UNIT.fullmatch(value)
    if not value or value == OPEN:
        return f'there is no answer: write {key} = a number, or a word in quotes ("?" until then)'
    if comma and len(comma[2]) == 3:
        number = f"{comma[1]}.{comma[2]}"
        return f"a comma: write {key} = {number} for a decimal, {comma[1]}{comma[2]} for thousands"
    if comma:
        return f"a decimal comma: write {key} = {comma[1]}.{comma[2]}"
    if unit:
        return f"a number without its unit, please: write {key} = {unit[1]}"
    if BARE_WORD.fullmatch(value):
        return f'a word needs quotes: write {key} = "{value}"'
    if NUMBER.fullmatch(value) and any(c.isdigit() for c in value):
        return f"TOML writes this number in another way: {key} = {plain_number(value)}"
    if any(quote in value for quote in "“”„‘’«»"):
        return f'straight quotes, please: write {key} = "..."'
    if FRACTION.fullmatch(value):
        return f"work it out: write {key} = a number such as 0.5"
    if GROUPED.fullmatch(value):
        return f"no space in a number: write {key} = {''.join(value.split())}"
    if value.count('"') % 2 or value.count("'") % 2:
        return f'a quote is missing: write {key} = "..." with one on each side'
    return f"{shown(value)} is no TOML: write {key} = a number such as 0.5, or a word in quotes"


def plain_number(text: str) -> str:
    """A number as TOML writes it: '.5' is 0.5, '5.' is 5.0, '007' is 7."""
    try:
        value = float(text)
    except ValueError:
        return "0.5"
    return str(int(value)) if value.is_integer() and "." not in text else str(value)


def judge(question: Question, answer: Any) -> Judged:
    """Compare an answer with what is expected."""
    expected = question.expected
    if isinstance(answer, Unreadable):
        return Judged(0, answer.advice, None, None, None)
    if answer is None or answer == OPEN:
        return Judged(0, "no answer yet", None, None, "write your prediction before you run")
    if isinstance(expected.value, str):
        return judge_choice(expected, expected.value, answer)
    if expected.choices:
        return judge_word(expected.choices, answer)
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return Judged(0, "this is not a number", f"a number{of(expected)}", shown(answer),
                      in_quotes(question.key, answer))  # fmt: skip
    if not -MOST <= answer <= MOST:  # inf, nan, or an int of a thousand digits
        return Judged(0, "this is not a finite number", f"a number{of(expected)}", None, None)
    if expected.value is None:
        if expected.low <= answer <= expected.high:
            return Judged(1, "noted", None, None, None)
        wanted = f"between {expected.low:g} and {expected.high:g}{of(expected)}"
        return Judged(0, "this cannot be", wanted, f"{answer:g}", expected.reasoning)
    return judge_number(expected, expected.value, float(answer))


def judge_number(expected: Expected, right: float, answer: float) -> Judged:
    off = abs(answer - right) / max(abs(right), 1e-30)
    actual = f"{answer:.6g}{of(expected)}"
    fraction = expected.whole and not answer.is_integer()
    if off <= expected.within and not fraction:
        return Judged(1, "right", None, None, None)
    hint = slip_of(expected, right, answer)
    if fraction and off <= max(expected.within, expected.nearly):
        return Judged(0.5, "this counts something: a whole number, please", "a whole number",
                      actual, hint)  # fmt: skip
    if off <= expected.nearly:
        wanted = f"within {100 * expected.within:g} %" if expected.within else "the exact number"
        return Judged(0.5, "nearly right", wanted, actual, hint or unit_of(right, answer))
    far = f"{in_digits(answer / right, 2)} times what it should be" if right else "off"
    return Judged(0, f"this is {far}", None, actual, hint or unit_of(right, answer))


def slip_of(expected: Expected, right: float, answer: float) -> str | None:
    """Where the nearest of the known wrong answers comes from, if it is this one."""
    slips = [
        (abs(answer - slip.value), slip)
        for slip in expected.wrong
        if isinstance(slip.value, int | float)
        and abs(answer - slip.value) <= 0.01 * abs(slip.value)
        and abs(answer - slip.value) < abs(answer - right)
    ]
    return min(slips, key=lambda one: one[0])[1].because if slips else None


def unit_of(right: float, answer: float) -> str | None:
    """A unit or a way round that makes the answer the right one."""
    if not right or not answer:
        return None
    if abs(answer * right - 1) <= 0.01:
        return "this is the inverse: divide the other way round"
    ratio = answer / right
    if any(abs(ratio * known - 1) <= 0.015 for known in NO_UNITS):
        return None
    return factor_in_words(ratio, 0.015)


NO_UNITS = (2.0, 0.5, 4.0, 0.25, 1.0)  # many mistakes have these factors


def in_quotes(key: str, answer: Any) -> str | None:
    """What to write in place of a number in quotes."""
    if not isinstance(answer, str):
        return None
    text = answer.strip()
    if NUMBER.fullmatch(text) and any(c.isdigit() for c in text):
        return f"a number needs no quotes: write {key} = {plain_number(text)}"
    written_out = DECIMAL_COMMA.fullmatch(text) or WITH_UNIT.fullmatch(text)
    return advice(key, text) if written_out else None


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
