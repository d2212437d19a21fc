"""What follows from the timings of a task of llama.cpp's server, however it tells them."""

from __future__ import annotations

from dataclasses import replace

from workshop.record.results import Result


def with_whole_prompt(result: Result, whole: int | None) -> Result:
    """The record with the tokens of its whole prompt, and a warning if some of it was cached."""
    evaluated = result.prompt_tokens
    if whole is None or evaluated is None or whole <= evaluated:
        return result
    cached = whole - evaluated
    remark = f"{cached} of the prompt's {whole} tokens were cached: the time to the first token"
    return replace(
        result,
        prompt_tokens=whole,
        conditions={**result.conditions, "cached prompt tokens": cached},
        warnings=[*result.warnings, f"{remark} is that of the others"],
    )


def mean_accepted(accepted: int, length: float | None) -> float | None:
    """Draft tokens that a pass accepts, from the mean length of a pass with the target's own token.

    The length has two decimals: it is exact where one number of passes alone gives it.
    """
    if length is None or length <= 1.01:
        return None
    passes = round(accepted / (length - 1))
    near = range(max(1, passes - 2), passes + 3)
    found = [count for count in near if f"{1 + accepted / count:.2f}" == f"{length:.2f}"]
    return accepted / found[0] if len(found) == 1 else None
