"""What a check file is written with.

A check is a function of the work at hand. It draws fresh inputs, calls the participant's functions
(they run in another process), works out what is right by itself, and raises ``Wrong`` where the two
differ, in words of the subject. Returning is passing.

    @check(points=2, hints=("What is the largest value of a row?", "...", "..."))
    def one_scale_for_each_output(work: Work) -> None:
        weight = work.draw.normal(work.draw.integer(3, 9), 32)
        scale = work.call("quantize_rows", weight)[1]
        ...
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workshop.judge.judge import NO_ANSWERS, FaultError, Student
from workshop.judge.limits import Limits
from workshop.learn.answers import AnswersError, read_answers
from workshop.learn.causes import Call, Slip, fault_cause, near, number_cause

USUAL = Limits()


class Wrong(Exception):  # noqa: N818 (a verdict, not a fault)
    """The work is not right yet.

    Attributes:
        message: what is wrong: "row 3: scale 0.0 gives nan; an all-zero row must stay zero".
        hint: the cause, where the difference betrays it.
    """

    def __init__(
        self, message: str, expected: Any = None, actual: Any = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = None if expected is None else show(expected)
        self.actual = None if actual is None else show(actual)
        self.hint = hint


@dataclass(frozen=True)
class Draw:
    """Random inputs that nobody has seen before; the same from the same seed."""

    generator: torch.Generator

    @classmethod
    def of(cls, seed: int, name: str) -> Draw:
        """For the check ``name``: what another check draws changes nothing."""
        digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
        return cls(torch.Generator().manual_seed(int.from_bytes(digest[:7], "big")))

    def normal(self, *shape: int) -> Tensor:
        """fp32, mean 0, standard deviation 1."""
        return torch.randn(shape, generator=self.generator)

    def uniform(self, *shape: int) -> Tensor:
        """fp32 in [0, 1)."""
        return torch.rand(shape, generator=self.generator)

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(torch.randint(low, high + 1, (1,), generator=self.generator))

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """int64, from low to high, both included."""
        return torch.randint(low, high + 1, shape, generator=self.generator)

    def number(self, low: float, high: float) -> float:
        return low + (high - low) * float(self.uniform(1))

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.integer(0, len(options) - 1)]


@dataclass(frozen=True)
class Work:
    """What a check has before it.

    Attributes:
        student: the participant's file at work, in a process of its own.
        folder: where that file lies: job logs may lie beside it.
        draw: fresh random inputs.
    """

    student: Student
    folder: Path
    draw: Draw

    def call(
        self, name: str, *arguments: Any, answers: Mapping[str, Callable[..., Any]] = NO_ANSWERS
    ) -> Any:
        """What the participant's function returns; 'driver:name' calls one of our driver's.

        ``answers`` are what 'asking:name', another of the driver's, may ask for, and who answers.
        """
        return self.student.call(name, *arguments, answers=answers)

    @property
    def answers(self) -> dict[str, Any]:
        """What is written in the answers.toml beside the file; raises Wrong."""
        try:
            return read_answers(self.folder / "answers.toml")
        except AnswersError as error:
            raise Wrong(f"the answers cannot be read: {error}") from None


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: as it is shown, and as other checks need it.
        needs: checks without which this one says nothing: it is skipped if one of them failed.
        hints: three, each more concrete than the one before.
        imports: installed modules that take long to import, to be there before their file is.
    """

    name: str
    points: int
    hints: tuple[str, str, str]
    run: Callable[[Work], None]
    needs: tuple[str, ...] = ()
    limits: Limits = USUAL
    imports: tuple[str, ...] = ()


def check(
    points: int,
    hints: tuple[str, str, str],
    needs: Sequence[str] = (),
    limits: Limits = USUAL,
    imports: Sequence[str] = (),
) -> Callable[[Callable[[Work], None]], Check]:
    """Make a check of a function; its name, in words, is the check's."""

    def make(function: Callable[[Work], None]) -> Check:
        name = function.__name__.replace("_", " ")
        return Check(name, points, hints, function, tuple(needs), limits, tuple(imports))

    return make


def tensor(value: Any, what: str, shape: Sequence[int], dtype: torch.dtype | None = None) -> Tensor:
    """``value`` if it is a tensor of that shape (and dtype); else raises Wrong."""
    wanted = f"a tensor {list(shape)}" + (f" of {dtype}" if dtype else "")
    if not isinstance(value, Tensor):
        hint = _instead_of(value, "torch.tensor(...) makes a tensor of it")
        raise Wrong(f"{what} is not a tensor", wanted, _typed(value), hint)
    if list(value.shape) != list(shape) or (dtype is not None and value.dtype != dtype):
        actual = f"a tensor {list(value.shape)} of {value.dtype}"
        which = _which(value, shape)
        hint = f"convert it at the end: .to({dtype})" if which == "dtype" else None
        raise Wrong(f"{what} has the wrong {which}", wanted, actual, hint)
    return value


def _which(value: Tensor, shape: Sequence[int]) -> str:
    return "dtype" if list(value.shape) == list(shape) else "shape"


NOTHING = "nothing comes back: end the function with return (print only shows a value)"


def _typed(value: Any) -> str:
    return "None" if value is None else f"{type(value).__name__}: {show(value)}"


def _instead_of(value: Any, otherwise: str | None) -> str | None:
    """What to write in place of a value of the wrong type."""
    return NOTHING if value is None else otherwise


def number(value: Any, what: str) -> float:
    """``value`` as a finite number (one-element tensors count); else raises Wrong."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = "return the number itself, not a text with it" if isinstance(value, str) else None
        several = "return one number" if isinstance(value, list | dict | Tensor) else None
        hint = _instead_of(value, text or several)
        raise Wrong(f"{what} is not a number", "a number", _typed(value), hint)
    try:
        found = float(value)
    except OverflowError:  # an int of hundreds of digits
        found = math.inf
    if not abs(found) < math.inf:
        raise Wrong(f"{what} is {found}", "a finite number", found)
    return found


def pair(value: Any, what: str, count: int = 2) -> list[Any]:
    """``value`` if it is that many values (or a tensor of them); else raises Wrong."""
    if isinstance(value, Tensor) and value.dim() > 0 and len(value) == count:
        value = list(value)
    if not isinstance(value, list) or len(value) != count:
        actual = f"{len(value)} values" if isinstance(value, list) else _typed(value)
        hint = _instead_of(value, f"return {count} values, separated by a comma")
        raise Wrong(f"{what} should be {count} values", f"{count} values", actual, hint)
    return value


def same_number(actual: Any, expected: float, what: str, within: float = 1e-6) -> None:
    """Raises Wrong where the two differ by more than ``within``, relative to the expected."""
    found = number(actual, what)
    if abs(found - expected) > within * max(abs(expected), 1e-30):
        raise Wrong(f"{what} is off", expected, found)


def judge_numbers(
    work: Work,
    name: str,
    right: Callable[..., float],
    cases: Iterable[tuple[Any, ...]],
    slips: Iterable[Slip] = (),
    product_of: Sequence[str] = (),
    within: float = 1e-6,
) -> None:
    """Call a function that returns a number, with each of ``cases``; raises Wrong.

    Args:
        slips: known mistakes (workshop.learn.causes).
        product_of: names of the arguments, where the result is a product of powers of them.
    """
    calls: list[Call] = []
    try:
        for given in cases:
            what = f"{name}({', '.join(map(_short, given))})"
            calls.append(Call(given, right(*given), number(_called(work, name, given, what), what)))
    except (FaultError, Wrong):
        if all(near(call.actual, call.expected, within) for call in calls):
            raise
    for call in calls:
        if not near(call.actual, call.expected, within):
            what = f"{name}({', '.join(map(_short, call.given))}) is off"
            hint = number_cause(calls, slips, product_of)
            raise Wrong(what, call.expected, call.actual, hint)


def _called(work: Work, name: str, given: tuple[Any, ...], what: str) -> Any:
    """What comes back; where the function raises, the message says with which arguments."""
    try:
        return work.call(name, *given)
    except FaultError as error:
        if error.kind != "raised":
            raise
        raise Wrong(f"{what} raises {error}", hint=fault_cause(str(error))) from None


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else show(value)


def is_close(actual: Tensor, expected: Tensor, within: float = 1e-5) -> bool:
    """Whether no element is further off than ``within`` of the largest expected one."""
    if actual.shape != expected.shape:
        return False
    largest = expected.abs().max().item() if expected.numel() else 0.0
    difference = (actual.double() - expected.double()).abs()
    return bool((difference <= within * max(largest, 1e-30)).all())


def same_tensor(actual: Any, expected: Tensor, what: str, within: float = 1e-5) -> None:
    """Raises Wrong, with the first place that differs, unless ``is_close``; shapes included."""
    found = tensor(actual, what, expected.shape)
    if is_close(found, expected, within):
        return
    largest = expected.double().abs().max().item()
    off = ~((found.double() - expected.double()).abs() <= within * max(largest, 1e-30))
    place = tuple(off.nonzero()[0].tolist())
    share = f"{int(off.sum())} of {off.numel()} elements differ"
    at = f" at {list(place)}" if place else ""
    raise Wrong(f"{what} differs{at} ({share})", expected[place].item(), found[place].item())


def show(value: Any) -> str:
    """A value in a line."""
    if isinstance(value, str):
        return value if len(value) <= 300 else f"{value[:297]}..."
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Tensor):
        if value.numel() > 8:
            return f"a tensor {list(value.shape)} of {value.dtype}"
        return show(value.tolist())
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:297]}..."
