"""Judging tokens: the same as they should be, or which mistake says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from workshop.learn.checking import Wrong

from .reference import CLEAR, Said, likeliest, lowered, right
from .slips import CHANGED, RUN

NARROW = 0.05  # what 16 bits can confuse
ENOUGH = 3  # wrong tokens that a mistake explains are no accident


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


@dataclass(frozen=True)
class Told:
    """One answer: the model's, to a prompt."""

    model: dict[str, Any]
    prompt: list[int]
    actual: list[int]

    @property
    def best(self) -> Said:
        return likeliest(self.model, self.prompt, self.actual)

    @property
    def said(self) -> list[int]:
        return right(self.model, self.prompt, len(self.actual))

    @property
    def wrong(self) -> int:
        """How many of the tokens are not the likeliest after those before them."""
        return sum(a != b for a, b in zip(self.actual, self.best.tokens, strict=True))

    def by(self, model: dict[str, Any], slip: str = "") -> bool:
        """Whether that model says these tokens, with that slip."""
        return likeliest(model, self.prompt, self.actual, slip).tokens == self.actual


@dataclass(frozen=True)
class Asking:
    """How their engine is asked for more, where one answer does not tell the cause.

    Attributes:
        more: answers to further prompts.
        anew: what it says to a prompt when it is asked for nothing before; None if nothing.
        again: what it says now.
    """

    more: Callable[[], Iterator[Told]]
    anew: Callable[[list[int], int], Any]
    again: Callable[[list[int], int], Any]


def judge(
    model: dict[str, Any],
    prompt: list[int],
    asked: int,
    value: Any,
    earlier: Sequence[list[int]] = (),
    others: Sequence[dict[str, Any]] = (),
    asking: Asking | None = None,
) -> list[int]:
    """The tokens, if they are right; else raises Wrong, with the cause where it betrays itself.

    Args:
        earlier: what was rightly said in earlier calls of the same process.
        others: further models, with as many tokens, that were prepared in it.
        asking: asks for more, so that a cause is found.
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
    told = Told(model, prompt, actual)
    best = told.best
    if best.tokens == actual:
        return actual
    first = next(i for i in range(asked) if actual[i] != best.tokens[i])
    if best.margins[first] < CLEAR:
        return actual  # rounding decides there, and all that follows hangs on it
    said = told.said
    if actual in earlier and len(actual) > 2:
        hint = "that is what an earlier model or prompt got: nothing may be kept across them"
        raise Wrong(f"{what}: the tokens differ", said[:8], actual[:8], hint)
    place = slice(first, first + 6)
    raise Wrong(
        f"{what}: they differ from token {first} on", said[place], actual[place],
        cause(told, first, others, asking, bool(earlier)),
    )  # fmt: skip


def cause(
    told: Told,
    first: int,
    others: Sequence[dict[str, Any]],
    asking: Asking | None,
    again: bool,
) -> str | None:
    """What would say these tokens, of which ``first`` is the first wrong one; None if unknown.

    Args:
        again: earlier calls of the same process were right.
    """
    tells = {hint for hint, says in mistakes(others) if says(told)}
    wrong = told.wrong
    more = asking.more() if asking is not None else iter(())
    while tells and (len(tells) > 1 or wrong < ENOUGH):
        one = next(more, None)
        if one is None:
            break
        tells = {hint for hint, says in mistakes(others) if hint in tells and says(one)}
        wrong += one.wrong
    if len(tells) == 1 and wrong >= ENOUGH:
        return tells.pop()
    if asking is None:
        return None
    left = kept(told, asking, again)
    narrow = told.best.margins[first] < NARROW and told.actual[first] == told.best.second[first]
    if left is None and narrow and again:
        return (
            f"the two best logits are only {told.best.margins[first]:.2g} standard deviations "
            "apart there: is the precision lowered, of weights or of the cache? fp32 tells them "
            "apart, 16 bits do not"
        )
    return left or in_the_steps(told, first, asking)


Says = Callable[[Told], bool]


def mistakes(others: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Says]]:
    """What to say, and whether an answer is what that mistake gives."""

    def late(told: Told) -> bool:
        return len(told.actual) > 2 and told.actual[1:] == told.said[:-1]

    def lost(told: Told) -> bool:
        said = right(told.model, told.prompt, len(told.actual) + 1)
        return len(told.actual) > 2 and told.actual == said[1:]

    def first_row(told: Told) -> bool:
        """The first of them is what comes after the prompt's first token, the rest is right."""
        wrong = right(told.model, told.prompt[:1], 1)
        return told.actual[:1] == wrong and told.best.tokens[1:] == told.actual[1:]

    yield "they come one place late: the last of the prompt, or the first new, is there twice", late
    yield "the first new token is missing: it comes with the prompt's own pass", lost
    yield "the first new token is that after the prompt's FIRST token: take logits[-1]", first_row
    another = "that is what another model says: generate is given its model, of several"
    yield another, lambda told: any(told.by(one) for one in others if one is not told.model)
    yield (
        "that is what weights in bf16 say: is the precision lowered? fp32 is asked for",
        lambda told: told.by(lowered(told.model)),
    )
    for slip, hint in RUN.items():
        yield hint, lambda told, slip=slip: told.by(told.model, slip)  # type: ignore[misc]
    for hint, change in CHANGED:
        yield hint, lambda told, change=change: told.by(change(told.model))  # type: ignore[misc]


def kept(told: Told, asking: Asking, again: bool) -> str | None:
    """Whether the same question is answered rightly when it is the first one."""
    if again and asking.anew(told.prompt, len(told.actual)) == told.said:
        return (
            "right when it is asked first, wrong after others: what is left of an earlier call? "
            "Each begins with an empty cache, whatever the lengths are"
        )
    return None


def in_the_steps(told: Told, first: int, asking: Asking) -> str | None:
    """Whether the same text, read as a prompt, is followed by the right token."""
    text = told.prompt + told.actual[:first]
    if first > 0 and asking.again(text, 1) == told.best.tokens[first : first + 1]:
        return (
            "read as a prompt, the same text is followed by the right token: it is the steps after "
            "the prompt that go wrong. What do they find in the cache, and at which position?"
        )
    return None
