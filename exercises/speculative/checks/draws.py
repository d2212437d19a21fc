"""Inputs of the accept step: drawn where a wrong rule and the right one differ."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from workshop.learn.checking import Draw

BELOW_HALF, BELOW_ONE = 0.49999997, 0.99999994  # the fp32 numbers right below


def distribution(draw: Draw, *shape: int) -> Tensor:
    return torch.softmax(1.5 * draw.normal(*shape), dim=-1)


def greedy_cases(draw: Draw) -> list[tuple[Tensor, Tensor]]:
    """Logits and guesses: wrong ones are runners-up, near ties, ties, or any token."""
    k, vocab = draw.integer(5, 8), draw.integer(20, 40)
    cases = [refused_at(draw, kept, 9, 8, rank=1) for kept in (3, 5, 7)]  # square: [V, V]
    for kept in (0, k, k - 1, draw.integer(1, k - 1)):
        cases.append(refused_at(draw, kept, vocab, k, rank=1))
        cases.append(refused_at(draw, kept, vocab, k, rank=draw.integer(2, vocab - 1)))
    cases += [refused_at(draw, kept, vocab, k, rank=2) for kept in (1, 2)]
    cases += [refused_at(draw, kept, 2, 1, rank=1) for kept in (0, 1)]  # one guess of two tokens
    for gap in (0.0, 4e-6, 3e-4, 3e-3, 0.05):
        for earlier in (True, False):
            cases.append(near_tie(draw, draw.integer(0, k - 1), vocab, k, gap, earlier))
    large = refused_at(draw, k - 1, vocab, k, rank=1)
    cases += [(1e3 * large[0], large[1]), (large[0] - 500, large[1])]
    return [*cases, large_ids(draw, 1), large_ids(draw, 2)]


def large_ids(draw: Draw, kept: int) -> tuple[Tensor, Tensor]:
    """Two guesses from a vocabulary of more tokens than 8 or 16 bits can count."""
    logits = draw.normal(3, 70_000)
    own = torch.tensor([draw.integer(32_768, 65_535), draw.integer(65_536, 69_999), 300])
    logits[torch.arange(3), own] = 20.0
    proposed = own[:2].clone()
    proposed[kept:] = draw.integer(0, 255)
    return logits, proposed


def refused_at(draw: Draw, kept: int, vocab: int, k: int, rank: int) -> tuple[Tensor, Tensor]:
    """The first ``kept`` guesses are right; then comes that of a rank, and right ones again."""
    logits = draw.normal(k + 1, vocab)
    proposed = logits.argmax(-1)[:-1].clone()
    if kept < k:
        proposed[kept] = logits[kept].argsort(descending=True)[rank]
    return logits, proposed


def near_tie(
    draw: Draw, kept: int, vocab: int, k: int, gap: float, earlier: bool
) -> tuple[Tensor, Tensor]:
    """The guess is nearly as likely as the verifier's own, which stands after it, or before."""
    logits, proposed = refused_at(draw, kept, vocab, k, rank=1)
    row = logits[kept]
    places = sorted(torch.randperm(vocab, generator=draw.generator)[:2].tolist())
    best, guess = places[::-1] if earlier and gap else places  # a tie goes to the first
    top = float(row.max()) + 0.5
    row[best], row[guess] = top, top - gap
    proposed[kept] = guess
    return logits, proposed


Pass = tuple[Tensor, Tensor, Tensor, Tensor, float]


def as_pass(
    p: Sequence[Sequence[float]], q: Sequence[Sequence[float]], proposed: Sequence[int],
    uniform: Sequence[float], last: float,
) -> Pass:  # fmt: skip
    return torch.tensor(p), torch.tensor(q), torch.tensor(proposed), torch.tensor(uniform), last


def edge_passes() -> list[Pass]:
    """Where a random number is the ratio, or right below it; all numbers are exact in fp32."""
    more, less = [0.25, 0.5, 0.125, 0.125], [0.5, 0.25, 0.125, 0.125]
    never, rare = [0.0, 0.5, 0.25, 0.25], [0.25, 0.0, 0.5, 0.25]
    tiny = 2.0**-20
    shy = [0.5 - tiny, 0.25 + tiny, 0.125, 0.125]
    half = [0.5, 0.25, 0.125, 0.125]
    return [
        as_pass([more, never], [less], [0], [0.5], 0.7),  # equal: refused
        as_pass([more, never], [less], [0], [BELOW_HALF], 0.3),
        as_pass([more, never], [less], [1], [BELOW_ONE], 0.8),  # a ratio of 2
        as_pass([more, never], [less], [2], [BELOW_ONE], 0.0),  # a ratio of 1; then token 1
        as_pass([never, more], [less], [0], [0.0], 0.3),  # p is 0, and so is the number
        as_pass([never, more], [less], [0], [0.0], 0.8),
        as_pass([more, never, rare], [less, less], [1, 0], [0.1, 0.0], 0.6),
        as_pass([more, more, rare], [less, less], [0, 1], [0.75, 0.0], 0.2),
        as_pass([shy, never], [half], [0], [BELOW_ONE], 0.9),  # p is nearly q
        as_pass([rare, never, more], [less, less], [3, 3], [0.9, BELOW_ONE], 0.45),
        as_pass([more, more, rare], [less, less], [0, 0], [0.25, 0.75], 0.6),  # each its own number
        as_pass([more, never], [less], [0], [0.2], 0.3),  # between p * q and p
        as_pass([more, more], [less], [1], [0.5], 0.1),  # all are kept: token 0, of p itself
    ]


def drawn_passes(draw: Draw, count: int = 16) -> list[Pass]:
    """As they come, where rounding decides nothing; every fourth keeps all."""
    found: list[Pass] = []
    while len(found) < count:
        k, vocab = draw.integer(2, 5), draw.integer(5, 9)
        p, q = distribution(draw, k + 1, vocab), distribution(draw, k, vocab)
        proposed = torch.multinomial(q, 1, generator=draw.generator)[:, 0]
        uniform, last = draw.uniform(k), float(draw.uniform(1))
        if len(found) % 4 == 0:
            uniform = uniform * 1e-6  # all are kept
        elif len(found) % 4 == 1:
            uniform[-1] = 0.999  # and the last is refused, where it can be
        elif len(found) % 4 == 2:
            uniform[0] = 0.97  # the first is refused, where it can be
        if is_clear(p, q, proposed, uniform, last):
            found.append((p, q, proposed, uniform, last))
    return found


def is_clear(p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, last: float) -> bool:
    """Whether no number is so near to where it decides that rounding would."""
    k = len(proposed)
    at = torch.arange(k)
    ratios = p[at, proposed].double() / q[at, proposed].double()
    kept = next((i for i in range(k) if uniform[i] >= ratios[i]), k)
    weights = (p[kept] - q[kept]).clamp(min=0) if kept < k else p[k]
    sums = (weights.double() / weights.double().sum()).cumsum(0)
    return bool((uniform - ratios).abs().min() > 1e-3 and (sums - last).abs().min() > 1e-4)


def residual_cases(draw: Draw) -> list[tuple[Tensor, Tensor]]:
    """p and q: any two, of two tokens, with zeros, and nearly the same."""
    cases = [(distribution(draw, 12), distribution(draw, 12)) for _ in range(3)]
    cases.append((torch.tensor([0.75, 0.25]), torch.tensor([0.25, 0.75])))
    cases.append((torch.tensor([0.5, 0.0, 0.25, 0.25]), torch.tensor([0.25, 0.5, 0.0, 0.25])))
    for size in (1e-3, 1e-6, 1e-10):
        q = distribution(draw, 12)
        rare = torch.randperm(12, generator=draw.generator)[:3]
        q[rare] = torch.tensor([3.0, 5.0, 9.0]) * size
        p = q.clone()
        p[rare] = torch.tensor([5.0, 6.0, 6.0]) * size  # 2 and 1 more, and 3 less
        cases.append((p, q))
    return cases


def lookup_cases(draw: Draw) -> list[tuple[list[int], int, int]]:
    """Texts, k and ngram: periodic, short, ambiguous, and any."""
    a, b, c, d = torch.randperm(50, generator=draw.generator)[:4].tolist()
    k = draw.integer(2, 4)
    cases = [
        ([a] * draw.integer(4, 7), k, 2),  # the place overlaps with the end
        ([a, b] * draw.integer(3, 5), k, 3),
        ([a, b, c] * 2 + [a], k, 4),
        ([c, a, b, a, b, a], 3, 3),
        ([a, b, c, a], k, 9),  # no longer than the n-gram
        ([a, a], k, 2),
        ([a, b, a], k, 3),
        ([a, b, d, c, b, a, d, b, d], 2, 3),  # two tokens stand elsewhere, three do not
        ([a, d, a, b, d, c, d, b, d], 3, 2),  # longest first: after b d, not after d
        ([a, b, c, a, b, d, c, a, b], 2, 2),  # the latest of two places
        ([a, b, c, d, a], 9, 1),  # fewer than k, up to the end
        ([a, c, a, b], k, 3),  # the end is nowhere else
        ([a, b, c, d], k, 2),
        ([], k, 2),
        ([a], k, 2),
        ([a, b], k, 1),
    ]
    for trial in range(16):
        text = draw.integers(0, draw.choice([2, 4, 9, 25]), draw.integer(1, 30)).tolist()
        ngram = draw.integer(1, 4)
        if trial < 5:  # the end surely stands elsewhere, and something follows it
            text = [*text, *(end := draw.integers(0, 9, ngram).tolist()), 7, *text, *end]
        cases.append((text, draw.integer(1, 5), ngram))
    return cases
