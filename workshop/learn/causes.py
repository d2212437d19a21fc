"""Why an answer is off: a known mistake that gives the same results, or nothing at all.

A cause is named only where it explains everything that came back. A mistake is written down as
somebody would make it, as a function of the same arguments, and compared at every call:

    cause(calls, (("every layer has its own", lambda layers, heads: 2 * heads), ...), same)

For a product of its arguments no list is needed: from enough calls ``product_cause`` works out
which power of each argument and which constant factor the function has, and names the difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Slip = tuple[str, Callable[..., Any]]  # the hint, and what somebody writes who makes the mistake
EXACT = 1e-6
GIB = 2**30 / 1e9
MOST_DECIMALS = 6
MOST_POWER = 3
INVERSE = "this is the inverse: divide the other way round"
UNITS = (
    (1e3, "check the units (s and ms, bytes and kB, MB and GB)"),
    (1e6, "check the units (s and us, bytes and MB, ms and GB/s)"),
    (1e9, "check the units (bytes and GB)"),
    (8.0, "a byte is 8 bits"),
    (64.0, "8 bits are one byte: divide where this multiplies, or the other way round"),
    (100.0, "a share and a percentage differ by 100"),
    (2.0, "a factor of 2 is missing, or counted once too often"),
    (4.0, "a factor of 4, such as a factor of 2 twice"),
)


@dataclass(frozen=True)
class Call:
    """One call of a participant's function.

    Attributes:
        given: its arguments.
        expected: the right result.
        actual: the result that came back.
    """

    given: tuple[Any, ...]
    expected: Any
    actual: Any


def near(actual: float, expected: float, within: float = EXACT) -> bool:
    """Whether ``actual`` is at most ``within`` off, relative to ``expected``."""
    return abs(actual - expected) <= within * abs(expected)


def cause(
    calls: Sequence[Call], slips: Iterable[Slip], same: Callable[[Any, Any], bool]
) -> str | None:
    """The hint of the one mistake that explains every call; None where none or several do.

    Args:
        same: whether an actual result and a simulated one are the same.
    """
    found = dict.fromkeys(hint for hint, wrong in slips if explains(calls, wrong, same))
    return next(iter(found)) if len(found) == 1 else None


def explains(
    calls: Sequence[Call], wrong: Callable[..., Any], same: Callable[[Any, Any], bool]
) -> bool:
    """Whether ``wrong`` gives what came back, at every call."""
    with suppress(ArithmeticError, ValueError, IndexError, TypeError, RuntimeError):
        return bool(calls) and all(same(call.actual, wrong(*call.given)) for call in calls)
    return False


def number_cause(
    calls: Sequence[Call], slips: Iterable[Slip] = (), names: Sequence[str] = ()
) -> str | None:
    """The cause of wrong numbers: a known mistake, an argument's part, rounding, or a factor.

    Args:
        names: of the arguments, where the right result is a product of powers of them.
    """
    return (
        cause(calls, slips, near)
        or (product_cause(calls, names) if names else None)
        or rounding_cause(calls)
        or factor_cause(calls)
    )


def rounding_cause(calls: Sequence[Call]) -> str | None:
    """Where each result is the right one, rounded or cut off."""
    if all(call.actual == call.expected for call in calls):
        return None
    for decimals in range(MOST_DECIMALS + 1):
        if all(call.actual == round(call.expected, decimals) for call in calls):
            return "this is rounded: return the result as it is"
    if all(call.actual == math.trunc(call.expected) for call in calls):
        return "the fraction is cut off: return the result as it is"
    return None


def factor_cause(calls: Sequence[Call]) -> str | None:
    """Where each result is the same multiple of the right one, or its inverse."""
    pairs = [(call.actual, call.expected) for call in calls if call.expected]
    if not pairs or any(call.actual for call in calls if not call.expected):
        return None
    ratios = [actual / expected for actual, expected in pairs]
    if all(near(ratio, ratios[0]) for ratio in ratios) and len(pairs) > 1:
        return factor_in_words(ratios[0])
    if all(near(actual * expected, 1) for actual, expected in pairs):
        return INVERSE
    return None


def factor_in_words(ratio: float, within: float = EXACT) -> str | None:
    """A constant factor, and the units that it is the ratio of; None for 1, and unknown ones."""
    if near(ratio, 1, within) or not ratio or not math.isfinite(ratio):
        return None
    if ratio < 0:
        return "the sign is the other way round" if near(ratio, -1, within) else None
    for factor, words in UNITS:
        for value, way in ((factor, "too large"), (1 / factor, "too small")):
            if near(ratio, value, within):
                return f"{factor:.10g} times {way}: {words}"
    for value in (GIB, 1 / GIB, GIB / 1e3, 1e3 / GIB):
        if near(ratio, value, min(within, 4e-3)):
            return "1 GB is 1e9 bytes here, not 2**30"
    return None


def product_cause(calls: Sequence[Call], names: Sequence[str]) -> str | None:
    """What differs, where both results are products of powers of the arguments and a constant."""
    right = powers_of(calls, [call.expected for call in calls])
    found = powers_of(calls, [call.actual for call in calls])
    if right is None or found is None:
        return None
    (constant, wanted), (factor, powers) = right, found
    if len(names) > 1 and powers == [-one for one in wanted]:
        return "; ".join([INVERSE, *factor_left(factor * constant)])
    told = [
        power_in_words(name, power, one)
        for name, power, one in zip(names, powers, wanted, strict=True)
        if power != one
    ]
    if len(told) > 2:
        return None
    if told:  # what is left out may have left a factor behind
        words = factor_in_words(factor / constant, 1e-4)
        left = [words] if words and ("units" in words or "GB" in words) else []
    else:
        left = factor_left(factor / constant)
    return "; ".join([*told, *left]) or None


def factor_left(ratio: float) -> list[str]:
    """A sentence on a constant factor that is off; none where it is 1."""
    if near(ratio, 1, 1e-4):
        return []
    words = factor_in_words(ratio, 1e-4)
    return [words or f"a constant factor is {in_digits(ratio, 4)} times what it should be"]


def in_digits(value: float, significant: int) -> str:
    """A number without an exponent: 1000, 0.00012; with one where it would have many zeros."""
    rounded = f"{value:.{significant}g}"
    return format(Decimal(rounded), "f") if 1e-6 <= abs(value) < 1e9 else rounded


def power_in_words(name: str, power: float, wanted: float) -> str:
    if power == 0:
        return f"{name} is left out: the result does not change with it"
    if power == -wanted:
        way = ("divides", "multiplies") if wanted > 0 else ("multiplies", "divides")
        return f"{name} {way[0]} where it {way[1]} in the right result"
    return f"{name} counts to the power of {power:g}, which should be {wanted:g}"


def powers_of(calls: Sequence[Call], results: Sequence[float]) -> tuple[float, list[float]] | None:
    """The constant and the powers of the arguments that give the results; None if none do.

    More calls than unknowns are needed, so that a fit is a proof.
    """
    import torch

    count = len(calls[0].given) + 1
    values = [[*call.given, result] for call, result in zip(calls, results, strict=True)]
    if len(calls) <= count or any(not 0 < one < math.inf for row in values for one in row):
        return None
    logs = torch.tensor(values, dtype=torch.float64).log()
    known = torch.cat([torch.ones(len(calls), 1, dtype=torch.float64), logs[:, :-1]], dim=1)
    if int(torch.linalg.matrix_rank(known)) < count:
        return None
    solved = torch.linalg.lstsq(known, logs[:, -1:]).solution[:, 0]
    powers = [round(2 * one) / 2 for one in solved[1:].tolist()]
    constants = logs[:, -1] - logs[:, :-1] @ torch.tensor(powers, dtype=torch.float64)
    if float((constants - constants[0]).abs().max()) > EXACT or max(map(abs, powers)) > MOST_POWER:
        return None
    return math.exp(float(constants[0])), powers


def fault_cause(text: str) -> str | None:
    """What to do about an error that a participant's code raised, where its text says it all."""
    if text.startswith("there is no function"):
        return "the checks call it by this name: keep the names that were handed out"
    if text.startswith("TypeError: ") and "positional argument" in text:  # no line of their file
        return "it is called with the arguments of its docstring: keep the parameters as they were"
    if text.startswith("EOFError"):
        return "nobody is there to answer input(): take everything from the arguments"
    if "shapes cannot be multiplied" in text:
        return "the inner sizes of a product must be the same: transpose one of the two"
    if "to have the same dtype" in text:
        return "both factors of a product need one dtype: convert one, as in values.to(x.dtype)"
    return None
