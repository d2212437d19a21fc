"""Checks of the accept step: exact where it is greedy, by a statistical test where it draws."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import (
    Draw,
    Work,
    Wrong,
    check,
    is_close,
    number,
    same_number,
    tensor,
)

DRAWS = 4000
# Tested twice at doubt: a right answer fails once in 1e8 times.
TOO_UNLIKELY = 1e-4


def distribution(draw: Draw, *shape: int) -> Tensor:
    return torch.softmax(1.5 * draw.normal(*shape), dim=-1)


def tokens_of(value: Any, what: str) -> list[int]:
    """A row of whole numbers, as a tensor or a list."""
    if isinstance(value, Tensor):
        if value.dim() != 1 or value.dtype.is_floating_point:
            raise Wrong(f"{what} should be token ids [n + 1]", "int64 [n + 1]", value)
        return [int(token) for token in value]
    if isinstance(value, list) and all(isinstance(token, int) for token in value):
        return value
    raise Wrong(f"{what} should be a tensor of token ids", "a tensor [n + 1]", value)


@check(
    points=3,
    hints=(
        "Which row of the logits tells what the verifier would have put in a guess's place?",
        "Row i is for proposed[i]; the row after the last kept guess gives one token more.",
        "own = logits.argmax(-1); n = (own[:-1] == proposed).int().cumprod(0).sum(); own[:n + 1]",
    ),
)
def greedy_tokens_are_the_verifiers_own(work: Work) -> None:
    draw = work.draw
    k, vocab = draw.integer(5, 8), draw.integer(20, 40)
    for kept in [0, k, *(draw.integer(1, k - 1) for _ in range(3))]:
        logits = draw.normal(k + 1, vocab)
        own = logits.argmax(-1)
        proposed = own[:-1].clone()
        if kept < k:  # wrong at one place, and right again after it
            proposed[kept] = (proposed[kept] + draw.integer(1, vocab - 1)) % vocab
        told = work.call("accept_greedy", logits, proposed)
        actual, expected = tokens_of(told, "the new tokens"), own[: kept + 1].tolist()
        if actual == expected:
            continue
        what = f"of {k} guesses, the first {kept} are right"
        agree = (own[:-1] == proposed).tolist()
        hint = None
        if actual == proposed[:kept].tolist():
            hint = "one token of the verifier's own follows those that are kept"
        elif actual == proposed[: kept + 1].tolist():
            hint = "the last new token is the verifier's own choice, not the refused guess"
        elif len(actual) == 1 + sum(agree) or actual == own.tolist():
            hint = "stop at the first guess that is refused: what follows was guessed after it"
        elif len(actual) == 1 + int((own[1:] == proposed).int().cumprod(0).sum()):
            hint = "row i of the logits is for proposed[i]: the last row is for what follows them"
        raise Wrong(f"{what}, and the new tokens are off", expected, actual, hint)


@check(
    points=1,
    hints=(
        "What does p have more of than q?",
        "p - q where that is above zero, and zero elsewhere; then make it sum to one.",
        "more = (p - q).clamp(min=0); more / more.sum()",
    ),
)
def the_residual(work: Work) -> None:
    draw = work.draw
    p, q = distribution(draw, 12), distribution(draw, 12)
    more = (p - q).double().clamp(min=0)
    expected = more / more.sum()
    actual = tensor(work.call("residual", p, q), "the residual", [12]).double()
    if is_close(actual, expected, 1e-4):
        return
    less = (q - p).double().clamp(min=0)
    causes = (
        (more, "make it sum to one: divide by its sum"),
        ((p - q).double(), "cut off below zero: a probability is never negative"),
        ((p - q).double().abs(), "what is less in p counts nothing: clamp, not abs"),
        ((p - q).double().abs() / (p - q).double().abs().sum(), "clamp at zero, not abs"),
        (less / less.sum(), "p - q, not q - p"),
        (less, "p - q, not q - p"),
        (p.double(), "that is p: take away what the draft has proposed already"),
        (
            torch.softmax(p.double() - q.double(), 0),
            "divide by the sum, without softmax",
        ),
    )
    hint = next((hint for wrong, hint in causes if is_close(actual, wrong, 1e-4)), None)
    place = int((actual - expected).abs().argmax())
    raise Wrong(f"the residual of token {place} is off", expected[place], actual[place], hint)


@check(
    points=3,
    needs=("the residual",),
    hints=(
        "Go through the guesses in order, each with its own row of p, of q and its own number.",
        "Keep x if uniform[i] < p[i, x] / q[i, x]; at the first refusal draw from the residual.",
        "refused: pick(residual(p[i], q[i]), last_uniform) and return; none: pick(p[-1], ...)",
    ),
)
def each_guess_is_kept_or_refused(work: Work) -> None:
    """With given random numbers, there is one right answer."""
    draw = work.draw
    for trial in range(16):
        k, vocab = draw.integer(2, 5), draw.integer(5, 9)
        p, q = distribution(draw, k + 1, vocab), distribution(draw, k, vocab)
        proposed = torch.multinomial(q, 1, generator=draw.generator)[:, 0]
        uniform, last = draw.uniform(k), float(draw.uniform(1))
        if trial % 4 == 0:
            uniform = uniform * 1e-6  # all are kept
        elif trial % 4 == 1:
            uniform[-1] = 0.999  # and the last is refused, where it can be
        chosen = [float(p[i, x] / q[i, x]) for i, x in enumerate(proposed.tolist())]
        if min(abs(float(u) - r) for u, r in zip(uniform, chosen, strict=True)) < 1e-3:
            continue  # too near to tell
        kept = next((i for i in range(k) if uniform[i] >= chosen[i]), k)
        weights = (p[kept] - q[kept]).clamp(min=0) if kept < k else p[k]
        sums = (weights / weights.sum()).double().cumsum(0)
        if (sums - last).abs().min() < 1e-4:
            continue
        own = int((sums <= last).sum())
        expected = [*proposed[:kept].tolist(), own]
        told = work.call("accept", p, q, proposed, uniform, last)
        actual = tokens_of(told, "the new tokens")
        if actual == expected:
            continue
        hint = cause_of(p, q, proposed, uniform, last, kept, actual, chosen)
        raise Wrong(f"of {k} guesses, {kept} should be kept", expected, actual, hint)


def cause_of(
    p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, last: float, kept: int,
    actual: list[int], ratios: list[float],
) -> str | None:  # fmt: skip
    """What was probably done in place of the right thing."""
    k = len(ratios)
    guesses = proposed.tolist()
    swapped = next((i for i in range(k) if uniform[i] >= 1 / ratios[i]), k)
    inverted = next((i for i in range(k) if uniform[i] < ratios[i]), k)
    if len(actual) == swapped + 1 != kept + 1:
        return "the ratio is p over q, not q over p"
    if actual == guesses[:kept]:
        return "a token is drawn after those that are kept, whether one was refused or none"
    if len(actual) == inverted + 1 != kept + 1:
        return "keep where the random number is BELOW the ratio"
    if len(actual) > kept + 1:
        return "stop at the first guess that is refused: what follows was guessed after it"
    if len(actual) == kept + 1 and kept < k:
        from_p = int((p[kept].double().cumsum(0) <= last).sum())
        if actual[-1] == from_p:
            return "a refused guess is replaced by a draw from the residual, not from p"
        if actual[-1] == guesses[kept]:
            return "the refused guess is replaced, not kept"
        return "the residual is of the refused guess's own row: p[i] and q[i]"
    if len(actual) == kept + 1 and kept == k:
        return "if none is refused, one more token is drawn from the LAST row of p"
    return None


@check(
    points=3,
    needs=("each guess is kept or refused",),
    hints=(
        "Count: does each first token come as often as the verifier wants it?",
        "Keeping with min(1, p/q) and drawing from the residual add up to p; nothing else does.",
        "compare your accept with the three lines of its docstring, one by one",
    ),
)
def the_output_has_the_verifiers_distribution(work: Work) -> None:
    draw = work.draw
    k, vocab = 2, 6
    p, q = distribution(draw, k + 1, vocab), distribution(draw, k, vocab)
    for trial in range(2):
        proposed = torch.stack(
            [torch.multinomial(row, DRAWS, True, generator=draw.generator) for row in q], dim=1
        )
        found = work.call(
            "driver:first_tokens", p, q, proposed, draw.uniform(DRAWS, k), draw.uniform(DRAWS)
        )
        if len(found) != DRAWS or not all(tokens for tokens in found):
            raise Wrong("some passes give no token at all", "1 to k + 1 tokens", "none")
        first = torch.bincount(torch.tensor([t[0] for t in found]), minlength=vocab)
        second = [t[1] for t in found if len(t) > 1]
        worst = unlikely(first, p[0])
        if len(second) > 200:
            worst = min(
                worst, unlikely(torch.bincount(torch.tensor(second), minlength=vocab), p[1])
            )
        if worst > TOO_UNLIKELY:
            return
        if trial == 1:
            share = first.double() / DRAWS
            token = int((share - p[0].double()).abs().argmax())
            raise Wrong(
                f"token {token} does not come as often as the verifier wants it",
                p[0][token].item(), share[token].item(),
                "over thousands of passes, the first new token is distributed as p's first row",
            )  # fmt: skip


def unlikely(counts: Tensor, probabilities: Tensor) -> float:
    """Pearson's test: how likely counts at least this far from the probabilities are."""
    if counts.numel() != probabilities.numel():
        return 0.0
    expected = probabilities.double() / probabilities.double().sum() * counts.sum()
    few = expected < 5
    observed = torch.cat([counts[~few].double(), counts[few].sum()[None].double()])
    expected = torch.cat([expected[~few], expected[few].sum()[None]])
    keep = expected > 0
    statistic = ((observed[keep] - expected[keep]) ** 2 / expected[keep]).sum()
    freedom = torch.tensor((int(keep.sum()) - 1) / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(freedom, statistic / 2))


@check(
    points=1,
    hints=(
        "The first guess counts with probability a, the second with ...?",
        "a, a^2, ... a^k, and the verifier's own token always.",
        "sum(acceptance**i for i in range(k + 1))",
    ),
)
def tokens_of_a_pass(work: Work) -> None:
    for acceptance in (work.draw.number(0.3, 0.95), 0.0, 1.0):
        k = work.draw.integer(2, 8)
        expected = sum(acceptance**i for i in range(k + 1))
        what = f"expected_tokens({acceptance:.3f}, {k})"
        actual = number(work.call("expected_tokens", acceptance, k), what)
        causes = (
            (1 + k * acceptance, "a guess counts only if ALL before it were kept: a, a^2, a^3 ..."),
            (k * acceptance, "a guess counts only if all before it were kept: a, a^2, a^3 ..."),
            (expected - 1, "the verifier's own token comes on top"),
            (expected - acceptance**k, "all k guesses can be kept: the last term is a^k"),
            (math.fsum(acceptance**i for i in range(k + 2)), "k guesses, not k + 1"),
        )
        if abs(actual - expected) > 1e-6:
            hint = next((hint for wrong, hint in causes if abs(actual - wrong) < 1e-6), None)
            raise Wrong(f"{what} is off", expected, actual, hint)
        same_number(actual, expected, what)


@check(
    points=2,
    hints=(
        "Where else do the last tokens stand?",
        "Go backwards from the end; skip the end itself; then try one token fewer.",
        "for n in ngram .. 1: for start from len(text) - n - 1 down to 0: compare",
    ),
)
def prompt_lookup(work: Work) -> None:
    draw = work.draw
    for trial in range(25):
        text = draw.integers(0, draw.choice([2, 4, 9, 25]), draw.integer(1, 30)).tolist()
        k, ngram = draw.integer(1, 5), draw.integer(1, 4)
        if trial < 5:  # the end surely stands elsewhere, and something follows it
            text = [*text, *(end := draw.integers(0, 9, ngram).tolist()), 7, *text, *end]
        expected = looked_up(text, k, ngram)
        actual = work.call("lookup", text, k, ngram)
        what = f"lookup({text}, k={k}, ngram={ngram})"
        if isinstance(actual, Tensor):
            actual = actual.tolist()
        if actual == expected:
            continue
        hint = None
        if actual == looked_up(text, k, ngram, latest=False):
            hint = "the LATEST earlier place: go backwards"
        elif actual == looked_up(text, k, ngram, shorter=False):
            hint = "where the whole n-gram is nowhere else, try one token fewer"
        elif actual == [] and expected:
            hint = "that is the end of the text itself: look at earlier places only"
        elif isinstance(actual, list) and actual[: len(expected)] == expected:
            hint = "k tokens, and no more than there are"
        raise Wrong(f"{what} is off", expected, actual, hint)


def looked_up(
    text: list[int], k: int, ngram: int, latest: bool = True, shorter: bool = True
) -> list[int]:
    """What is right; with a flag off, what leaving that out would give."""
    for n in range(min(ngram, len(text) - 1), 0, -1):
        places = [i for i in range(len(text) - n) if text[i : i + n] == text[len(text) - n :]]
        if places:
            start = places[-1 if latest else 0] + n
            return text[start : start + k]
        if not shorter:
            return []
    return []
