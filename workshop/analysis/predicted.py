"""Runs held against what their machines should do, for figures and reports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from workshop.record.results import Result
from workshop.roofline.against import Comparison, case_of, compare
from workshop.roofline.errors import RooflineError
from workshop.util.text import number

# What a refusal says to who can give an option: a figure and a page have none.
_ADVICE = re.compile(r"(; those there are|: name |: give ).*", re.DOTALL)
_LONGEST = 200  # characters of a reason


@dataclass(frozen=True)
class Predicted:
    """tokens/s that runs of one thing should have, counted as theirs are.

    Attributes:
        of_ideal, of_expected: measured over predicted.
        cause: a sentence on the likeliest cause of the gap to what was expected.
    """

    ideal: float
    expected: float
    of_ideal: float
    of_expected: float
    cause: str

    @property
    def shares(self) -> str:
        """Measured over predicted in percent: '61.3 % of expected, 39.5 % of ideal'."""
        expected, ideal = number(100 * self.of_expected), number(100 * self.of_ideal)
        return f"{expected} % of expected, {ideal} % of ideal"


def held(run: Result) -> Comparison | str:
    """The run beside both readings, or why nothing can be predicted of it, without a full stop."""
    try:
        return compare(run, case_of(run))
    except RooflineError as error:
        return brief(error)
    except (ArithmeticError, ValueError):  # numbers that no run can have given
        return "its numbers cannot be set in proportion"


def brief(error: RooflineError) -> str:
    """Why nothing can be predicted, without what to do about it."""
    return _ADVICE.sub("", str(error))[:_LONGEST].rstrip(".")


def predicted_of(runs: Sequence[Result]) -> Predicted | str:
    """Runs of one thing together, or why nothing can be predicted of any of them."""
    found = [(run, held(run)) for run in runs]
    known = [(run, one) for run, one in found if isinstance(one, Comparison)]
    if not known:
        reasons = [one for _, one in found if isinstance(one, str)]
        return reasons[0] if reasons else "there is no run"
    count = len(known)
    # A batch's speed may be that of all sequences together, and a prediction is of one.
    scales = [(run.tokens_per_second or one.measured) / one.measured for run, one in known]
    pairs = [(scale, one) for scale, (_, one) in zip(scales, known, strict=True)]
    measured = sum(scale * one.measured for scale, one in pairs) / count
    ideal = sum(scale * one.ideal for scale, one in pairs) / count
    expected = sum(scale * one.expected for scale, one in pairs) / count
    return Predicted(
        ideal=ideal,
        expected=expected,
        of_ideal=measured / ideal,
        of_expected=measured / expected,
        cause=Counter(one.cause for _, one in known).most_common(1)[0][0],
    )
