"""Hidden checks of the accept step: large vocabularies, and long texts."""

from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Work, check

from .. import called, judge_tokens, listed, slips, tokens_of
from ..draws import Pass, distribution
from ..slips import looked_up


@check(
    points=1,
    hints=(
        "A token has p = 0, and its random number is 0. Is it kept?",
        "It is kept with probability 0: uniform < p / q, which 0 < 0 is not.",
        "if uniform[i] * q[i, x] >= p[i, x]: refuse it",
    ),
)
def what_the_verifier_never_says(work: Work) -> None:
    """As where it draws from its likeliest tokens only; the draft knows nothing of that."""

    def theirs(*given: Any) -> list[int]:
        return tokens_of(work.call("accept", *given), "the new tokens")

    calls = called([forbidden(work.draw) for _ in range(4)], slips.right, theirs)
    judge_tokens(
        calls, slips.ACCEPT,
        lambda call: f"guess {len(call.expected)} of {len(call.given[2])} has probability 0 with "
        "the verifier, and its random number is 0",
        theirs, "use uniform and last_uniform, which are given",
    )  # fmt: skip


def forbidden(draw: Draw) -> Pass:
    """A pass with a guess that the verifier never says; every random number of a guess is 0."""
    k, vocab = draw.integer(4, 9), draw.integer(300, 600)
    p, q = distribution(draw, k + 1, vocab), distribution(draw, k, vocab)
    kept = draw.integer(0, k - 1)
    proposed = torch.stack([allowed_and_guessed(draw, p[i], q[i]) for i in range(k)])
    refused = int(proposed[kept])
    p[:, refused] = 0
    p = p / p.sum(1, keepdim=True)
    proposed[:kept][proposed[:kept] == refused] = int(p[0].argmax())
    weights = (p[kept] - q[kept]).clamp(min=0).double()
    return p, q, proposed, torch.zeros(k), picking_number(draw, weights / weights.sum())


def allowed_and_guessed(draw: Draw, p: Tensor, q: Tensor) -> Tensor:
    """A token that is likely with the draft, and not impossible with the verifier."""
    return torch.multinomial(p * q, 1, generator=draw.generator)[0]


def picking_number(draw: Draw, weights: Tensor) -> float:
    """A random number that picks a token of some weight, however sums round."""
    likely = (weights > 2e-3).nonzero().flatten().tolist()
    token = draw.choice([one for one in likely if one > 255] or likely)
    sums = weights.cumsum(0)
    return float(sums[token] - weights[token] / 2)


WINDOWS = tuple(
    ("look at ALL of the text: the end may stand thousands of tokens earlier",
     lambda text, k, ngram, most=most: looked_up(text[-most:], k, ngram))
    for most in (10, 20, 32, 50, 64, 100, 128, 200, 256, 500, 512, 1000, 1024, 2000, 2048)
)  # fmt: skip


@check(
    points=1,
    hints=(
        "How far back does your search go?",
        "To the beginning: the last tokens may stand thousands of tokens earlier, and only there.",
        "for start in range(len(text) - n - 1, -1, -1), in a loop",
    ),
)
def a_long_text(work: Work) -> None:
    draw = work.draw
    k, ngram = draw.integer(3, 5), draw.integer(3, 4)
    end = draw.integers(1000, 1999, ngram).tolist()
    between = draw.integers(0, 999, draw.integer(3000, 4000)).tolist()
    place = draw.integer(5, 50)
    once = [*between[:place], *end, *between[place:], *end]
    shorter = [*between[:place], *end[1:], *between[place:], *end]

    def theirs(*given: Any) -> Any:
        return listed(work.call("lookup", *given))

    calls = called([(once, k, ngram), (shorter, k, ngram)], looked_up, theirs)
    judge_tokens(
        calls, (*slips.LOOKUPS, *WINDOWS),
        lambda call: f"a text of {len(call.given[0])} tokens, whose end stands near its beginning",
        theirs, "nothing about it is drawn",
    )  # fmt: skip
