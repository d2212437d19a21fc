"""Mistakes in speculation, as somebody writes them who makes them: simulated, and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from workshop.learn.causes import Call, Slip


def agreed(logits: Tensor, proposed: Tensor) -> int:
    """How many guesses are the verifier's own, up to the first that is not."""
    return int((logits.argmax(-1)[:-1] == proposed).int().cumprod(0).sum())


def greedy(logits: Tensor, proposed: Tensor) -> list[int]:
    """What is right."""
    return [int(one) for one in logits.argmax(-1)[: agreed(logits, proposed) + 1]]


def kept_if(keep: Callable[[Tensor, int], Any], dim: int = -1) -> Callable[..., list[int]]:
    """Greedy, with another rule for which guess is kept; ``keep`` has its row, and the guess."""

    def wrong(logits: Tensor, proposed: Tensor) -> list[int]:
        own, tokens = logits.argmax(dim).tolist(), []
        for i, guess in enumerate(proposed.tolist()):
            if not keep(logits[i], guess):
                return [*tokens, own[i]]
            tokens.append(guess)
        return [*tokens, own[-1]]

    return wrong


def off_by_one(logits: Tensor, proposed: Tensor) -> list[int]:
    own = logits.argmax(-1)
    return [int(one) for one in own[: int((own[1:] == proposed).int().cumprod(0).sum()) + 1]]


def bonus_of(row: Callable[[int], int]) -> Callable[..., list[int]]:
    def wrong(logits: Tensor, proposed: Tensor) -> list[int]:
        own, n = logits.argmax(-1).tolist(), agreed(logits, proposed)
        return [*own[:n], own[row(n)]]

    return wrong


def chosen_by(own_of: Callable[[Tensor], Tensor]) -> Callable[..., list[int]]:
    """Greedy, with another choice than argmax of the logits."""

    def wrong(logits: Tensor, proposed: Tensor) -> list[int]:
        own = own_of(logits)
        n = int((own[:-1] == proposed).int().cumprod(0).sum())
        return [int(one) for one in own[: n + 1]]

    return wrong


def matches(logits: Tensor, proposed: Tensor) -> Tensor:
    return logits.argmax(-1)[:-1] == proposed


GOES_ON = "stop at the first guess that is refused: what follows was guessed after it"
ROW_I = "row i of the logits is for proposed[i]: the last row is for what follows them"
TIES = "of equal logits the first is the verifier's own choice, as argmax has it"
NEAR = "near is not equal: a guess is kept only if it is THE largest logit of its row"
GREEDY: tuple[Slip, ...] = (
    ("one token of the verifier's own follows those that are kept",
     lambda z, x: greedy(z, x)[:-1]),
    ("if all k are kept, one token of the verifier's own follows, too: that of the last row",
     lambda z, x: greedy(z, x)[: len(x)]),
    *(("token ids can be larger than 8 or 16 bits hold: keep them in int64",
       lambda z, x, dtype=dtype: torch.tensor(greedy(z, x)).to(dtype).tolist())
      for dtype in (torch.uint8, torch.int8, torch.int16, torch.uint16)),
    ("the last new token is the verifier's own choice, not the refused guess",
     lambda z, x: [*x.tolist(), int(z[-1].argmax())][: agreed(z, x) + 1]),
    (GOES_ON, lambda z, x: z.argmax(-1)[: int(matches(z, x).sum()) + 1].tolist()),
    (GOES_ON, lambda z, x: [*x[matches(z, x)].tolist(), int(z[-1].argmax())]),
    (GOES_ON, lambda z, x: [*x[matches(z, x)].tolist(), int(z[int(matches(z, x).sum())].argmax())]),
    (GOES_ON, lambda z, x: z.argmax(-1).tolist()),
    ("guesses that are refused are not kept: compare each with its row",
     lambda z, x: [*x.tolist(), int(z[-1].argmax())]),
    ("the guesses that are kept come back, too", lambda z, x: greedy(z, x)[-1:]),
    (ROW_I, off_by_one),
    (ROW_I, lambda z, x: z[1:].argmax(-1)[: len(off_by_one(z, x))].tolist()),
    (ROW_I, lambda z, x: [*x.tolist()[: (n := len(off_by_one(z, x)) - 1)], int(z[n].argmax())]),
    ("the token after n kept ones is of row n, not of the last row", bonus_of(lambda n: -1)),
    ("the token after n kept ones is of row n, not of the row before",
     bonus_of(lambda n: max(0, n - 1))),
    ("the token after n kept ones is of row n, not of row 0", bonus_of(lambda n: 0)),
    ("a row of logits has V of them: argmax over the last dimension",
     lambda z, x: z.argmax(0)[: int((z.argmax(0)[:-1] == x).int().cumprod(0).sum()) + 1].tolist()),
    ("the largest logit is the choice, not the smallest", chosen_by(lambda z: z.argmin(-1))),
    *(("only THE largest logit of a row is the verifier's choice: the next likeliest is another "
       "text", kept_if(lambda row, x, k=k: x in row.topk(min(k, len(row))).indices))
      for k in (2, 3, 4, 5)),
    (TIES, kept_if(lambda row, x: row[x] == row.max())),
    (TIES, chosen_by(lambda z: z.shape[-1] - 1 - z.flip(-1).argmax(-1))),
    *((NEAR, kept_if(lambda row, x, by=by: row[x] >= row.max() - by))
      for by in (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 1)),
    (NEAR, kept_if(lambda row, x: torch.isclose(row[x], row.max()))),
    ("exp overflows for large logits: take argmax of the logits themselves",
     chosen_by(lambda z: (z.exp() / z.exp().sum(-1, keepdim=True)).argmax(-1))),
    ("exp overflows for large logits: take argmax of the logits themselves",
     chosen_by(lambda z: z.exp().argmax(-1))),
    ("16 bits are too coarse to tell the largest logit: compare what was given",
     chosen_by(lambda z: z.half().argmax(-1))),
    ("16 bits are too coarse to tell the largest logit: compare what was given",
     chosen_by(lambda z: z.bfloat16().argmax(-1))),
)  # fmt: skip


def picked(weights: Tensor, uniform: float) -> int:
    """As the given ``pick``."""
    below = int((weights.double().cumsum(0) <= uniform).sum())
    return min(below, int(weights.nonzero().max()))


def of_residual(p: Tensor, q: Tensor) -> Tensor:
    more = (p.double() - q.double()).clamp(min=0)
    return more / more.sum()


Given = tuple[Tensor, Tensor, Tensor, Tensor, float]


def stepwise(
    keep: Callable[..., Any] = lambda p, q, u: u * q < p,
    instead: Callable[..., int] = lambda p, q, i, u, last, x: picked(of_residual(p[i], q[i]), last),
    more: Callable[..., list[int]] = lambda p, u, last, x: [picked(p[-1], last)],
) -> Callable[..., list[int]]:
    """Accepting, with one of its three parts in another way."""

    def wrong(p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, last: float) -> list[int]:
        guesses, numbers, tokens = proposed.tolist(), uniform.tolist(), []
        for i, x in enumerate(guesses):
            if not keep(float(p[i, x]), float(q[i, x]), numbers[i]):
                return [*tokens, instead(p, q, i, numbers, last, x)]
            tokens.append(x)
        return [*tokens, *more(p, numbers, last, guesses)]

    return wrong


right = stepwise()


def without_stop(kept_too: bool) -> Callable[..., list[int]]:
    """Goes on after a refusal; with ``kept_too`` a token is drawn in place of each refused one."""

    def wrong(p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, last: float) -> list[int]:
        tokens = []
        for i, x in enumerate(proposed.tolist()):
            if float(uniform[i]) * float(q[i, x]) < float(p[i, x]):
                tokens.append(x)
            elif kept_too:
                tokens.append(picked(of_residual(p[i], q[i]), last))
        return [*tokens, picked(p[-1], last)]

    return wrong


def by_number(number: Callable[[Tensor, int, float], float]) -> Callable[..., list[int]]:
    """Another number than uniform[i] decides about guess i."""

    def wrong(p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, last: float) -> list[int]:
        numbers = torch.tensor([number(uniform, i, last) for i in range(len(uniform))])
        return right(p, q, proposed, numbers, last)

    return wrong


def from_residual(of: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., list[int]]:
    return stepwise(instead=lambda p, q, i, u, last, x: picked(of(p[i], q[i]), last))


def next_row(p: Tensor, q: Tensor, i: int, u: Any, last: float, x: int) -> int:
    return picked(of_residual(p[i + 1], q[i + 1]), last) if i + 1 < len(q) else picked(p[-1], last)


def held_row(p: Tensor, q: Tensor, i: int, u: Any, last: float, x: int) -> int:
    return picked(of_residual(p[i + 1], q[min(i + 1, len(q) - 1)]), last)


def cut_last(p: Tensor, q: Tensor) -> Tensor:
    """The residual by who divides first; in fp32, where a difference may sum to exactly 0."""
    more = p.float() - q.float()
    return (more / more.sum()).clamp(min=0)


CUT_FIRST = "cut off at zero first, then divide by the sum: p - q itself sums to 0, or nearly so"
PROBABLE = "the ratio p / q decides, with the random number: a likely guess may be refused"
OWN_ROW = "the residual is of the refused guess's own row: p[i] and q[i]"
LAST = "last_uniform is the number for the token that is drawn"
LAST_ROW = "if none is refused, one more token is drawn from the LAST row of p"
ACCEPT: tuple[Slip, ...] = (
    ("the ratio is p over q, not q over p", stepwise(lambda p, q, u: u * p < q)),
    ("keep where the random number is BELOW the ratio", stepwise(lambda p, q, u: u * q >= p)),
    ("keep where the random number is BELOW the ratio: one that is equal, such as 0 at p = 0, "
     "is not below", stepwise(lambda p, q, u: u * q <= p)),
    (PROBABLE, stepwise(lambda p, q, u: p >= q)),
    (PROBABLE, stepwise(lambda p, q, u: p > q)),
    ("divide by q: a guess is kept with probability p / q, not p", stepwise(lambda p, q, u: u < p)),
    ("it is p / q that decides, not q", stepwise(lambda p, q, u: u < q)),
    ("it is p / q that decides, not the product", stepwise(lambda p, q, u: u < p * q)),
    ("it is p / q that decides, not the difference", stepwise(lambda p, q, u: u < p - q)),
    ("a guess may be refused: the random number decides", stepwise(lambda p, q, u: True)),
    ("a guess may be kept: the random number decides", stepwise(lambda p, q, u: False)),
    ("each guess has its own random number: uniform[i]", by_number(lambda u, i, last: float(u[0]))),
    ("each guess has its own random number: uniform[i]", by_number(lambda u, i, last: last)),
    ("each guess has its own random number: uniform[i]",
     by_number(lambda u, i, last: float(u[(i + 1) % len(u)]))),
    ("a refused guess is replaced by a draw from the residual, not from p",
     from_residual(lambda p, q: p)),
    ("a refused guess is replaced by a draw from the residual, not from q",
     from_residual(lambda p, q: q)),
    ("the residual is p - q, not q - p", from_residual(lambda p, q: of_residual(q, p))),
    ("the residual is made to sum to one before a token is picked",
     from_residual(lambda p, q: (p - q).clamp(min=0))),
    ("the residual is cut off at zero: clamp, not abs",
     from_residual(lambda p, q: (p - q).abs() / (p - q).abs().sum())),
    ("the residual is divided by its sum, without softmax",
     from_residual(lambda p, q: torch.softmax((p - q).double().clamp(min=0), 0))),
    ("a token is drawn from the residual: not always its likeliest",
     stepwise(instead=lambda p, q, i, u, last, x: int(of_residual(p[i], q[i]).argmax()))),
    ("a token is drawn from the residual: not always p's likeliest",
     stepwise(instead=lambda p, q, i, u, last, x: int(p[i].argmax()))),
    ("the refused guess is replaced, not kept",
     stepwise(instead=lambda p, q, i, u, last, x: x)),
    (OWN_ROW, stepwise(instead=next_row)),
    (OWN_ROW, stepwise(instead=held_row)),
    (OWN_ROW, stepwise(instead=lambda p, q, i, u, last, x:
                       picked(of_residual(p[-1], q[-1]), last))),
    (OWN_ROW, stepwise(instead=lambda p, q, i, u, last, x:
                       picked(of_residual(p[0], q[0]), last))),
    (OWN_ROW, stepwise(instead=lambda p, q, i, u, last, x:
                       picked(of_residual(p[i - 1], q[i - 1]), last))),
    ("a refused guess is replaced by a draw from the residual of its row, not from p's last row",
     stepwise(instead=lambda p, q, i, u, last, x: picked(p[-1], last))),
    (LAST, stepwise(instead=lambda p, q, i, u, last, x: picked(of_residual(p[i], q[i]), u[i]))),
    (LAST, stepwise(instead=lambda p, q, i, u, last, x: picked(of_residual(p[i], q[i]), u[i]),
                    more=lambda p, u, last, x: [picked(p[-1], u[-1])])),
    (LAST, stepwise(more=lambda p, u, last, x: [picked(p[-1], u[-1])])),
    (LAST_ROW, stepwise(more=lambda p, u, last, x: [picked(p[-2], last)])),
    (LAST_ROW, stepwise(more=lambda p, u, last, x: [picked(p[0], last)])),
    (LAST_ROW, stepwise(more=lambda p, u, last, x: [x[-1]])),
    ("if none is refused, one more token is drawn from the last row of p itself: not from a "
     "residual, as no guess was refused there",
     lambda p, q, x, u, last: [*given[:-1], picked(of_residual(p[-1], q[-1]), last)]
     if len(given := right(p, q, x, u, last)) > len(x) else given),
    ("the token after k kept ones is drawn: it is not always the likeliest",
     stepwise(more=lambda p, u, last, x: [int(p[-1].argmax())])),
    ("a token is drawn after those that are kept, whether one was refused or none",
     stepwise(more=lambda p, u, last, x: [])),
    ("row i of p is for guess i: p[i] and q[i]",
     lambda p, q, x, u, last: right(torch.cat([p[1:], p[-1:]]), q, x, u, last)),
    ("row i of p is for guess i: p[i] and q[i]",
     lambda p, q, x, u, last: right(torch.cat([p[-1:], p[:-2], p[-1:]]), q, x, u, last)),
    (GOES_ON, without_stop(kept_too=False)),
    (GOES_ON, without_stop(kept_too=True)),
    (GOES_ON, lambda *given: without_stop(kept_too=True)(*given)[:-1]),
    (CUT_FIRST, from_residual(lambda p, q: cut_last(p, q))),
)  # fmt: skip


def without_draw(given: Given) -> list[int]:
    return right(*given)[:-1]


ACCEPT += (
    ("a token is drawn after those that are kept, whether one was refused or none",
     lambda *given: without_draw(given)),
    ("one token is drawn in place of the first refused guess, and nothing after it",
     lambda p, q, x, u, last: [*right(p, q, x, u, last), picked(p[-1], last)]
     if len(right(p, q, x, u, last)) <= len(x) else right(p, q, x, u, last)),
    ("the guesses that are kept come back, too", lambda *given: right(*given)[-1:]),
)  # fmt: skip

SHARES: tuple[Slip, ...] = (
    ("make it sum to one: divide by its sum", lambda p, q: (p - q).clamp(min=0)),
    ("cut off below zero: a probability is never negative", lambda p, q: p - q),
    ("cut off below zero: a probability is never negative", lambda p, q: (p - q) / (p - q).sum()),
    ("what is less in p counts nothing: clamp, not abs", lambda p, q: (p - q).abs()),
    ("what is less in p counts nothing: clamp at zero, not abs",
     lambda p, q: (p - q).abs() / (p - q).abs().sum()),
    (CUT_FIRST, lambda p, q: cut_last(p, q).double()),
    ("p - q, not q - p", lambda p, q: of_residual(q, p)),
    ("p - q, not q - p", lambda p, q: (q - p).clamp(min=0)),
    ("that is p: take away what the draft has proposed already", lambda p, q: p),
    ("that is q: what p has MORE is asked for", lambda p, q: q),
    ("divide by the sum, without softmax", lambda p, q: torch.softmax(p - q, 0)),
    ("divide by the sum, without softmax", lambda p, q: torch.softmax((p - q).clamp(min=0), 0)),
    ("the difference counts, not all of p where it is larger",
     lambda p, q: p * (p > q) / (p * (p > q)).sum()),
    ("divide by the sum, not by the largest",
     lambda p, q: (p - q).clamp(min=0) / (p - q).clamp(min=0).max()),
    ("a distribution to draw from: not only its likeliest token",
     lambda p, q: torch.nn.functional.one_hot((p - q).argmax(), len(p)).double()),
    ("a difference, not a quotient", lambda p, q: (p / q) / (p / q).sum()),
)  # fmt: skip


def sum_cause(calls: Sequence[Call]) -> str | None:
    """Whether it is right but for its sum, where that is small: something was added to it."""
    for call in calls:
        actual = call.actual.double()
        if not actual.sum() > 0 or (actual / actual.sum() - call.expected).abs().max() > 1e-4:
            return None
    short = [float(call.actual.double().sum()) for call in calls]
    if min(short) < 0.9999 and max(short) > 0.999:
        return (
            "where p is nearly q, it does not sum to one: divide by the sum itself, with nothing "
            "added to it and no smallest value"
        )
    return None


def looked_up(
    text: Sequence[int],
    k: int,
    ngram: int,
    latest: bool = True,
    shorter: bool = True,
    overlap: bool = True,
    itself: bool = False,
    first: int = 1,
    order: int = -1,
) -> list[int]:
    """What is right; with a flag the other way round, what somebody gets who forgets that."""
    length, text = len(text), list(text)
    sizes = range(first, min(ngram, length - (not itself)) + 1)[::order]
    for n in sizes if shorter else list(sizes)[:1]:
        end = length - n if overlap else length - 2 * n + 1
        places = [i for i in range(end + itself) if text[i : i + n] == text[length - n :]]
        if places:
            start = places[-1 if latest else 0] + n
            return text[start : start + k]
    return []


def at_place(shift: int, more: int = 0) -> Callable[..., list[int]]:
    """Tokens from another place on, or another number of them."""

    def wrong(text: Sequence[int], k: int, ngram: int) -> list[int]:
        for n in range(min(ngram, len(text) - 1), 0, -1):
            for start in range(len(text) - n - 1, -1, -1):
                if list(text[start : start + n]) == list(text[len(text) - n :]):
                    begin = start + (n if shift >= 0 else 0) + max(shift, 0)
                    return list(text[begin : begin + k + more])
        return []

    return wrong


def with_itself(text: Sequence[int], k: int, ngram: int) -> list[int]:
    """The n-gram, and k tokens after it."""
    for n in range(min(ngram, len(text) - 1), 0, -1):
        for start in range(len(text) - n - 1, -1, -1):
            if list(text[start : start + n]) == list(text[len(text) - n :]):
                return list(text[start : start + n + k])
    return []


def k_or_nothing(text: Sequence[int], k: int, ngram: int) -> list[int]:
    """Only places that k tokens follow."""
    for n in range(min(ngram, len(text) - 1), 0, -1):
        for start in range(len(text) - n - k, -1, -1):
            if start + n < len(text) and list(text[start : start + n]) == list(text[-n:]):
                return list(text[start + n : start + n + k])
    return []


def copied_on(text: Sequence[int], k: int, ngram: int) -> list[int]:
    """Goes on with its own guesses where the text ends."""
    tokens = list(text)
    found = len(looked_up(text, len(text), ngram))
    for place in range(len(text) - found, len(text) - found + (k if found else 0)):
        tokens.append(tokens[place])
    return tokens[len(text) :]


def filled_up(by: int) -> Callable[..., list[int]]:
    def wrong(text: Sequence[int], k: int, ngram: int) -> list[int]:
        tokens = looked_up(text, k, ngram)
        return tokens + [by] * (k - len(tokens)) if tokens else []

    return wrong


ENDS = "fewer than k where the text ends: nothing is added to them"
NGRAMS = "where the whole n-gram is nowhere else, try one token fewer, down to one"
SHORT = "a text that is no longer than the n-gram is looked up, too: by fewer tokens"
LOOKUPS: tuple[Slip, ...] = (
    ("the LATEST earlier place: go backwards", lambda t, k, n: looked_up(t, k, n, latest=False)),
    (NGRAMS, lambda t, k, n: looked_up(t, k, n, shorter=False)),
    (NGRAMS, lambda t, k, n: looked_up(t, k, n, first=2)),
    (NGRAMS, lambda t, k, n: looked_up(t, k, n, shorter=False) if len(t) > n else []),
    (NGRAMS, lambda t, k, n: looked_up(t, k, n, shorter=False) or looked_up(t, k, 1)),
    ("a place may overlap with the end, as in a text that repeats itself",
     lambda t, k, n: looked_up(t, k, n, overlap=False)),
    ("that is the end of the text itself: look at earlier places only",
     lambda t, k, n: looked_up(t, k, n, itself=True)),
    ("the longest n-gram first: one token only where nothing longer is found",
     lambda t, k, n: looked_up(t, k, n, order=1)),
    (SHORT, lambda t, k, n: looked_up(t, k, n) if len(t) > n else []),
    (SHORT, lambda t, k, n: looked_up(t, k, n) if len(t) >= n else []),
    ("the tokens that FOLLOW the n-gram, without itself", at_place(-1)),
    ("the tokens that FOLLOW the n-gram, without itself", with_itself),
    ("fewer than k where the text ends: the latest place counts all the same", k_or_nothing),
    ("the tokens from right after the n-gram on: one is left out", at_place(1)),
    (ENDS, copied_on),
    (ENDS, filled_up(0)),
    (ENDS, filled_up(-1)),
    ("the beginning of the text is a place, too: the first start is 0",
     lambda t, k, n: looked_up(t[1:], k, n)),
    ("k tokens, and no more than that", at_place(0, 1)),
    ("k tokens, and no more than that", at_place(0, 10**6)),
    ("k tokens: one is missing", at_place(0, -1)),
    ("the tokens after the place, as many as there are, up to k: the end of the text counts",
     lambda t, k, n: (looked_up(t, k, n) if len(looked_up(t, k, n)) == k else [])),
)  # fmt: skip
