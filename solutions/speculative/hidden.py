"""Hidden checks of the accept step: tokens of no probability at all, and long texts."""

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Work, Wrong, check

from .. import distribution, looked_up, tokens_of


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
    draw = work.draw
    for _ in range(4):
        k, vocab = draw.integer(4, 9), draw.integer(300, 600)
        p, q = distribution(draw, k + 1, vocab), distribution(draw, k, vocab)
        kept = draw.integer(0, k - 1)
        proposed = torch.stack([allowed_and_guessed(draw, p[i], q[i]) for i in range(k)])
        refused = int(proposed[kept])
        p[:, refused] = 0
        p = p / p.sum(1, keepdim=True)
        proposed[:kept][proposed[:kept] == refused] = int(p[0].argmax())
        weights = (p[kept] - q[kept]).clamp(min=0).double()
        own, last = drawn_instead(draw, weights / weights.sum())
        found = work.call("accept", p, q, proposed, torch.zeros(k), last)
        actual, expected = tokens_of(found, "the new tokens"), [*proposed[:kept].tolist(), own]
        if actual == expected:
            continue
        hint = "keep where the random number is BELOW p / q: 0 is not below 0"
        raise Wrong(
            f"guess {kept + 1} of {k} has probability 0 with the verifier, and its random number "
            "is 0", expected, actual, hint if refused in actual else None,
        )  # fmt: skip


def allowed_and_guessed(draw: Draw, p: Tensor, q: Tensor) -> Tensor:
    """A token that is likely with the draft, and not impossible with the verifier."""
    return torch.multinomial(p * q, 1, generator=draw.generator)[0]


def drawn_instead(draw: Draw, weights: Tensor) -> tuple[int, float]:
    """A token of these probabilities, and a random number that picks it, however sums round."""
    likely = (weights > 2e-3).nonzero().flatten().tolist()
    token = draw.choice(likely)
    sums = weights.cumsum(0)
    return token, float(sums[token] - weights[token] / 2)


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
    for text, what in ((once, "they stand near its beginning"), (shorter, "one fewer does")):
        expected = looked_up(text, k, ngram)
        found = work.call("driver:watched", "lookup", text, k, ngram)
        actual = found["value"]
        if isinstance(actual, Tensor):
            actual = actual.tolist()
        if found["changed"][0]:
            raise Wrong("the text is changed by lookup", "the list as it was", "written into")
        if actual != expected:
            hint = "nothing is found: look at ALL of the text" if actual == [] else None
            raise Wrong(
                f"a text of {len(text)} tokens, of whose last {ngram} {what}", expected, actual,
                hint,
            )  # fmt: skip
    for text in ([], [7], [7, 7]):
        actual = work.call("lookup", text, k, ngram)
        actual = actual.tolist() if isinstance(actual, Tensor) else actual
        expected = looked_up(text, k, ngram)
        if actual != expected:
            raise Wrong(f"lookup({text}, k={k}, ngram={ngram}) is off", expected, actual)
