"""Judging tokens: the same as they should be, or which mistake says the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from workshop.learn.checking import Wrong

from .reference import CLEAR, SLIPS, likeliest, lowered, right

NARROW = 0.05  # what 16 bits can confuse
TELLING = 8  # new tokens that agree are no accident


def plain_tokens(value: Any, new_tokens: int, prompt: list[int], vocab: int) -> list[int]:
    """Token ids, as a list or a tensor of one dimension."""
    if isinstance(value, Tensor) and value.dim() == 1 and not value.dtype.is_floating_point:
        value = value.tolist()
    ids = isinstance(value, list) and all(type(token) is int for token in value)
    if not ids:
        raise Wrong("generate should return a list of token ids", f"{new_tokens} numbers", value)
    if len(value) == len(prompt) + new_tokens and value[: len(prompt)] == prompt:
        hint = "return the new tokens alone, without the prompt"
        raise Wrong("the prompt is returned as well", new_tokens, len(value), hint)
    strange = next((token for token in value if not 0 <= token < vocab), None)
    if strange is not None:
        raise Wrong("there is no such token", f"0 to {vocab - 1}", strange)
    return value


def judge(
    model: dict[str, Any],
    prompt: list[int],
    asked: int,
    value: Any,
    earlier: Sequence[list[int]] = (),
    others: Sequence[dict[str, Any]] = (),
) -> list[int]:
    """The tokens, if they are right; else raises Wrong, with the cause where it betrays itself.

    Args:
        earlier: what was rightly said in earlier calls of the same process.
        others: further models, with as many tokens, that were prepared in it.
    """
    actual = plain_tokens(value, asked, prompt, len(model["embed"]))
    what = f"prompt of {len(prompt)}, {asked} new tokens"
    if len(actual) != asked:
        hint = "every call must give as many new tokens as it is asked for"
        if actual in earlier:
            hint = "that is the answer of an earlier call: the text may be longer this time"
        elif actual == right(model, prompt, asked)[: len(actual)]:
            hint = f"it stops early: {hint}. Is there room for a text of any length?"
        raise Wrong(f"{what}: {len(actual)} came", asked, len(actual), hint)
    best = likeliest(model, prompt, actual)
    if best.tokens == actual:
        return actual
    first = next(i for i in range(asked) if actual[i] != best.tokens[i])
    if best.margins[first] < CLEAR:
        return actual  # rounding decides there, and all that follows hangs on it
    said = right(model, prompt, asked)
    if actual in earlier:
        hint = "that is what an earlier model or prompt got: nothing may be kept across them"
        raise Wrong(f"{what}: the tokens differ", said[:8], actual[:8], hint)
    hint = cause(model, prompt, actual, first, others, bool(earlier))
    place = slice(first, first + 6)
    raise Wrong(f"{what}: they differ from token {first} on", said[place], actual[place], hint)


def cause(
    model: dict[str, Any],
    prompt: list[int],
    actual: list[int],
    first: int,
    others: Sequence[dict[str, Any]],
    again: bool,
) -> str | None:
    """What would say these tokens, of which ``first`` is the first wrong one; or two such causes.

    Args:
        again: earlier calls of the same process were right.
    """

    def says(one: dict[str, Any], slip: str = "") -> bool:
        return likeliest(one, prompt, actual, slip).tokens == actual

    asked, said = len(actual), right(model, prompt, len(actual))
    best = likeliest(model, prompt, actual)
    fits = []
    if any(says(one) for one in others):
        fits.append("that is what another model says: generate is given its model, of several")
    if says(lowered(model)):
        fits.append("that is what weights in bf16 say: is the precision lowered? fp32 is asked for")
    elif best.margins[first] < NARROW and actual[first] == best.second[first]:
        fits.append(
            f"the two best logits are only {best.margins[first]:.2g} standard deviations apart "
            "there: is the precision lowered, of weights or of the cache? fp32 tells them apart, "
            "16 bits do not"
        )
    if asked > 2 and actual[1:] == said[:-1]:
        fits.append("they come one place late: is the last of the prompt, or the first new, twice?")
    if asked > 2 and actual[:-1] == said[1:]:
        fits.append("the first new token is missing: it comes with the prompt's own pass")
    slips = {hint for slip, hint in SLIPS.items() if asked > 2 and says(model, slip)}
    if asked >= TELLING or len(slips) == 1:
        fits += sorted(slips)
    if fits:
        return "; or ".join(fits)
    if again:
        return (
            "texts before this one were right: what is left of an earlier call? Each begins with "
            "an empty cache, whatever the lengths are"
        )
    if first > 0:
        return "the first new tokens are right: look at what later ones find in the cache"
    return None
