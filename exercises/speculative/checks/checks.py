"""Checks of the accept step: exact where it is greedy, by a statistical test where it draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from workshop.judge.judge import FaultError
from workshop.learn.causes import Call, Slip, cause
from workshop.learn.checking import (
    NOTHING,
    Work,
    Wrong,
    check,
    is_close,
    judge_numbers,
    tensor,
)

from . import slips
from .draws import (
    distribution,
    drawn_passes,
    edge_passes,
    greedy_cases,
    lookup_cases,
    residual_cases,
)
from .slips import looked_up, of_residual

DRAWS = 4000
# Tested twice at doubt: a right answer fails once in 1e8 times.
TOO_UNLIKELY = 1e-4
MOST_TOKENS = 10_000
AGAIN = 12  # calls with the same arguments, to see whether the result is the same
CHANGES = "the result changes from call to call with the same arguments: "


def refuse_many(value: Any, what: str) -> None:
    """Raises Wrong for more tokens than any check asks for, before they are looked at."""
    count = 0
    if isinstance(value, Tensor | list):
        count = value.numel() if isinstance(value, Tensor) else len(value)
    if count > MOST_TOKENS:
        raise Wrong(f"{what} are far too many", "a few tokens", f"{count} of them")


def tokens_of(value: Any, what: str) -> list[int]:
    """A row of whole numbers, as a tensor or a list."""
    refuse_many(value, what)
    if isinstance(value, Tensor):
        if value.is_floating_point() or value.dtype == torch.bool:
            raise Wrong(f"{what} should be token ids", "int64 [n + 1]", value,
                        "token ids are whole numbers: .long() makes them so")  # fmt: skip
        if value.dim() != 1:
            raise Wrong(f"{what} should be in one dimension", "int64 [n + 1]", value,
                        "one dimension, please: flatten()")  # fmt: skip
        return [int(token) for token in value]
    if isinstance(value, list):
        plain = [
            int(one) if isinstance(one, Tensor) and one.numel() == 1 and not one.dim() else one
            for one in value
        ]
        if all(isinstance(token, int) and not isinstance(token, bool) for token in plain):
            return plain
        if any(isinstance(one, Tensor) and one.dim() == 1 for one in plain):
            raise Wrong(f"{what} should be one tensor of token ids", "a tensor [n + 1]",
                        f"{len(value)} values", "return the tokens, and nothing else")  # fmt: skip
    hint = NOTHING if value is None else None
    raise Wrong(f"{what} should be a tensor of token ids", "a tensor [n + 1]", str(value), hint)


def called(
    cases: Sequence[tuple[Any, ...]],
    right: Callable[..., Any],
    actual: Callable[..., Any],
) -> list[Call]:
    """All calls; where one raises, those before it, if one of them was wrong already."""
    calls: list[Call] = []
    for given in cases:
        try:
            call = Call(given, right(*given), actual(*given))
        except (FaultError, Wrong):
            if all(call.actual == call.expected for call in calls):
                raise
            return calls
        calls.append(call)
    return calls


def judge_tokens(
    calls: Sequence[Call],
    known: Sequence[Slip],
    what: Callable[[Call], str],
    again: Callable[..., Any],
    instead: str,
) -> None:
    """Raises Wrong for the first wrong call.

    Args:
        again: calls it again; where the result changes from call to call, that is the cause.
        instead: what to use in place of one's own random numbers.
    """
    for call in calls:
        if call.actual != call.expected:
            same = all(again(*call.given) == call.actual for _ in range(AGAIN))
            hint = cause(calls, known, lambda a, b: a == b) if same else CHANGES + instead
            raise Wrong(what(call), call.expected, call.actual, hint)


@check(
    points=3,
    hints=(
        "Which row of the logits tells what the verifier would have put in a guess's place?",
        "Row i is for proposed[i]; the row after the last kept guess gives one token more.",
        "own = logits.argmax(-1); n = (own[:-1] == proposed).int().cumprod(0).sum(); own[:n + 1]",
    ),
)
def greedy_tokens_are_the_verifiers_own(work: Work) -> None:
    def theirs(logits: Tensor, proposed: Tensor) -> list[int]:
        return tokens_of(work.call("accept_greedy", logits, proposed), "the new tokens")

    def what(call: Call) -> str:
        kept, k = len(call.expected) - 1, len(call.given[1])
        return f"of {k} guesses, the first {kept} are right, and the new tokens are off"

    calls = called(greedy_cases(work.draw), slips.greedy, theirs)
    judge_tokens(calls, slips.GREEDY, what, theirs, "greedy decoding draws nothing")


@check(
    points=1,
    hints=(
        "What does p have more of than q?",
        "p - q where that is above zero, and zero elsewhere; then make it sum to one.",
        "more = (p - q).clamp(min=0); more / more.sum()",
    ),
)
def the_residual(work: Work) -> None:
    calls = []
    for p, q in residual_cases(work.draw):
        actual = tensor(work.call("residual", p, q), "the residual", p.shape).double()
        calls.append(Call((p.double(), q.double()), of_residual(p, q), actual))
    for call in calls:
        if not is_close(call.actual, call.expected, 1e-4):
            hint = cause(calls, slips.SHARES, share_alike) or slips.sum_cause(calls)
            place = int((call.actual - call.expected).abs().nan_to_num(torch.inf).argmax())
            raise Wrong(
                f"the residual of token {place} is off",
                call.expected[place], call.actual[place], hint,
            )  # fmt: skip


def share_alike(actual: Tensor, wrong: Tensor) -> bool:
    """Whether they are the same, infinities and nan included."""
    same = (actual == wrong) | (actual.isnan() & wrong.isnan())
    return is_close(actual.masked_fill(same, 0), wrong.masked_fill(same, 0), 1e-4)


@check(
    points=3,
    hints=(
        "Go through the guesses in order, each with its own row of p, of q and its own number.",
        "Keep x if uniform[i] < p[i, x] / q[i, x]; at the first refusal draw from the residual.",
        "refused: pick(residual(p[i], q[i]), last_uniform) and return; none: pick(p[-1], ...)",
    ),
)
def each_guess_is_kept_or_refused(work: Work) -> None:
    """With given random numbers, there is one right answer; with a residual that is right."""

    def theirs(*given: Any) -> list[int]:
        found = work.call("asking:accept", *given, answers=RESIDUAL)
        return tokens_of(found, "the new tokens")

    def what(call: Call) -> str:
        kept, k = len(call.expected) - 1, len(call.given[2])
        return f"{kept} of {k} guesses should be kept, and one token drawn"

    calls = called([*edge_passes(), *drawn_passes(work.draw)], slips.right, theirs)
    judge_tokens(calls, slips.ACCEPT, what, theirs, "use uniform and last_uniform, which are given")


def right_residual(p: Any, q: Any) -> Tensor:
    """For their accept, who may ask for anything; raises ValueError."""
    for one in (p, q):
        if not isinstance(one, Tensor) or one.dim() != 1 or not one.is_floating_point():
            raise ValueError("residual takes two distributions [V]")
    if p.shape != q.shape:
        raise ValueError("residual takes two distributions of the same length")
    return of_residual(p, q).to(p.dtype)


RESIDUAL: Mapping[str, Callable[..., Any]] = {"residual": right_residual}


@check(
    points=3,
    needs=("the residual", "each guess is kept or refused"),
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
                f"over {DRAWS} passes, token {token} does not come first as often as the "
                "verifier wants it",
                p[0][token].item(), share[token].item(),
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


ALL_BEFORE = "a guess counts only if ALL before it were kept: a, a^2, a^3 ..."
EXPECTED: tuple[Slip, ...] = (
    (ALL_BEFORE, lambda a, k: 1 + k * a),
    (ALL_BEFORE, lambda a, k: k * a),
    (ALL_BEFORE, lambda a, k: (k + 1) * a),
    ("some guesses may be kept though not all are: add a, a^2, ... a^k",
     lambda a, k: 1 + k * a**k),
    ("some guesses may be kept though not all are: add a, a^2, ... a^k",
     lambda a, k: 1 + a**k),
    ("a pass also gives the tokens before: add a, a^2, ... a^k, and 1", lambda a, k: a**k),
    ("the verifier's own token comes on top", lambda a, k: sum(a**i for i in range(1, k + 1))),
    ("all k guesses can be kept: the last term is a^k", lambda a, k: sum(a**i for i in range(k))),
    ("k guesses, not k + 1", lambda a, k: sum(a**i for i in range(k + 2))),
    ("k guesses, not endlessly many: the sum ends at a^k",
     lambda a, k: 1 / (1 - a) if a < 1 else k + 1),
    ("a is the probability that a guess is KEPT, not refused",
     lambda a, k: sum((1 - a) ** i for i in range(k + 1))),
    ("it hangs on the acceptance: not every guess is kept", lambda a, k: k + 1),
    ("where every guess is kept, 1 - a is 0: add the powers, or treat 1 apart",
     lambda a, k: sum(a**i for i in range(k + 1)) if a < 1 else 0),
    ("where every guess is kept, there are k + 1: the verifier's own token comes on top",
     lambda a, k: sum(a**i for i in range(k + 1)) if a < 1 else k),
    ("on average: a whole number of tokens is not asked for",
     lambda a, k: round(sum(a**i for i in range(k + 1)))),
)  # fmt: skip


@check(
    points=1,
    hints=(
        "The first guess counts with probability a, the second with ...?",
        "a, a^2, ... a^k, and the verifier's own token always.",
        "sum(acceptance**i for i in range(k + 1))",
    ),
)
def tokens_of_a_pass(work: Work) -> None:
    draw = work.draw
    cases = [(draw.number(0.3, 0.7), 1), *((draw.number(0.3, 0.95), k) for k in (2, 3, 8))]
    cases += [(0.0, draw.integer(2, 8)), (1.0, draw.integer(2, 8)), (0.5, draw.integer(4, 7))]
    try:
        judge_numbers(
            work, "expected_tokens", lambda a, k: sum(a**i for i in range(k + 1)), cases, EXPECTED
        )
    except Wrong as wrong:
        where = wrong.message.startswith("expected_tokens(1,") and wrong.hint is None
        if where and ("ZeroDivision" in wrong.message or "nan" in wrong.message):
            wrong.hint = "where every guess is kept, 1 - a is 0: add the powers, or treat 1 apart"
        raise


@check(
    points=2,
    hints=(
        "Where else do the last tokens stand?",
        "Go backwards from the end; skip the end itself; then try one token fewer.",
        "for n in ngram .. 1: for start from len(text) - n - 1 down to 0: compare",
    ),
)
def prompt_lookup(work: Work) -> None:
    def theirs(text: list[int], k: int, ngram: int) -> Any:
        return listed(work.call("lookup", text, k, ngram))

    def what(call: Call) -> str:
        text, k, ngram = call.given
        return f"lookup({text}, k={k}, ngram={ngram}) is off"

    calls = called(lookup_cases(work.draw), looked_up, theirs)
    judge_tokens(calls, slips.LOOKUPS, what, theirs, "nothing about it is drawn")


def listed(value: Any) -> Any:
    """A tensor, or a list with tensors of one element, as a list of numbers; raises Wrong."""
    if value is None:
        raise Wrong("lookup returns None", "a list of tokens, which may be empty", "None", NOTHING)
    refuse_many(value, "the tokens")
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, list):
        single = [isinstance(one, Tensor) and one.numel() == 1 for one in value]
        return [one.item() if is_one else one for one, is_one in zip(value, single, strict=True)]
    return value


@check(
    points=1,
    hints=(
        "Whose list is it that pop() takes an element from?",
        "The caller's, if it is an argument: copy it, or look at it without changing it.",
        "text[-n:] in place of text.pop(); p - q in place of p -= q",
    ),
)
def arguments_stay_as_they_are(work: Work) -> None:
    draw = work.draw
    passes = edge_passes()
    calls: list[tuple[str, tuple[Any, ...]]] = [
        *(("accept_greedy", case) for case in greedy_cases(draw)[:3]),
        *(("residual", case) for case in residual_cases(draw)[:2]),
        *(("accept", passes[i]) for i in (0, 1, 6)),
        *(("lookup", case) for case in lookup_cases(draw)[:12]),
    ]
    unwritten: list[FaultError] = []
    for name, given in calls:
        try:
            changed = work.call("driver:watched", name, *given)["changed"]
        except FaultError as error:  # another check tells it
            unwritten.append(error)
            continue
        if any(changed):
            number = ("first", "second", "third", "fourth", "fifth")[changed.index(True)]
            raise Wrong(
                f"{name} changes its {number} argument", "as it was", "written into",
                "work on a copy, or on a new tensor: the caller goes on with what it gave",
            )  # fmt: skip
    if len(unwritten) == len(calls):
        raise unwritten[0]
