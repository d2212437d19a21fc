"""Speculative decoding draws its tokens from the very same distribution as the verifier alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from llm_builders import TOO_UNLIKELY, chi_square_p, joined, random_llama, read, tiny
from speculation_builders import SMALL, VOCAB, drafting, passes
from torch import Tensor

from workshop.llm.cache import StaticCache
from workshop.llm.generate import Steps, generate
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler, probabilities
from workshop.llm.speculation.accept import accept
from workshop.llm.speculation.lookahead import Lookahead
from workshop.llm.speculation.lookup import PromptLookup
from workshop.llm.speculation.speculative import Guesser

# --- A pass, with known distributions ----------------------------------------------------------

DRAWS = 300_000
EVEN = [0.25, 0.25, 0.25, 0.25]
SLOPE = [0.4, 0.3, 0.2, 0.1]
STEEP = [0.05, 0.05, 0.1, 0.8]
FIRST_HALF = [0.6, 0.4, 0.0, 0.0]
LAST_HALF = [0.0, 0.0, 0.3, 0.7]
ONLY_LAST = [0.0, 0.0, 0.0, 1.0]
PAIRS = {
    "the same": (SLOPE, SLOPE),
    "alike": (SLOPE, EVEN),
    "unlike": (SLOPE, STEEP),
    "the draft leaves some out": (SLOPE, FIRST_HALF),
    "the verifier leaves some out": (FIRST_HALF, SLOPE),
    "both leave some out": (FIRST_HALF, [0.0, 0.5, 0.5, 0.0]),
    "nothing in common": (FIRST_HALF, LAST_HALF),
    "the draft is certain": (SLOPE, ONLY_LAST),
    "the verifier is certain": (ONLY_LAST, SLOPE),
}
pairs = pytest.mark.parametrize(("p", "q"), PAIRS.values(), ids=PAIRS)


def random_numbers(k: int, vocab: int, seed: int) -> tuple[Tensor, Tensor]:
    """For ``DRAWS`` passes: uniform numbers [DRAWS, k], noise [DRAWS, vocab]."""
    sampler = Sampler(1.0, vocab, seed)
    uniform, noise = sampler.uniform(DRAWS * k), sampler.noise(DRAWS)
    assert uniform is not None
    assert noise is not None
    return uniform.view(DRAWS, k), noise


def drawn(rows: Tensor, seed: int) -> Tensor:
    """An index drawn from each of the distributions [..., vocab], without the engine's help."""
    generator = torch.Generator().manual_seed(seed)
    flat = torch.multinomial(rows.reshape(-1, rows.shape[-1]), 1, generator=generator)
    return flat.view(rows.shape[:-1])


def accepted(p: Tensor, q: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Many passes at once: tokens [DRAWS, k + 1] and n [DRAWS] for p, q of one pass or of each."""
    k, vocab = q.shape[-2:]
    p, q = p.expand(DRAWS, k + 1, vocab), q.expand(DRAWS, k, vocab)
    return torch.vmap(accept)(p, q, drawn(q, seed), *random_numbers(k, vocab, seed + 1))


@pairs
@pytest.mark.parametrize("k", [1, 2])
def test_the_first_token_is_distributed_as_the_verifiers(
    p: list[float], q: list[float], k: int
) -> None:
    """At every position p and q are the same here: only the first token is looked at."""
    tokens, _ = accepted(torch.tensor([p] * (k + 1)), torch.tensor([q] * k), seed=10)
    counts = torch.bincount(tokens[:, 0], minlength=4)
    assert chi_square_p(counts, torch.tensor(p)) > TOO_UNLIKELY


@pairs
def test_a_proposal_is_kept_as_often_as_the_two_overlap(p: list[float], q: list[float]) -> None:
    """With probability sum(min(p, q)); equation 3.5 of the paper."""
    _, n = accepted(torch.tensor([p, p]), torch.tensor([q]), seed=20)
    overlap = sum(min(a, b) for a, b in zip(p, q, strict=True))
    counts = torch.bincount(n, minlength=2)
    assert chi_square_p(counts, torch.tensor([1 - overlap, overlap])) > TOO_UNLIKELY


@pairs
def test_after_a_whole_proposal_the_next_token_is_drawn_from_its_own_distribution(
    p: list[float], q: list[float]
) -> None:
    """The joint distribution of a kept token and of the one behind it: min(p, q) and p'."""
    behind = torch.tensor([0.1, 0.5, 0.15, 0.25])
    tokens, n = accepted(torch.stack([torch.tensor(p), behind]), torch.tensor([q]), seed=30)
    kept = tokens[n == 1]
    overlap = torch.minimum(torch.tensor(p), torch.tensor(q))
    if overlap.sum() == 0:
        assert len(kept) == 0
        return
    counts = torch.bincount(4 * kept[:, 0] + kept[:, 1], minlength=16)
    assert chi_square_p(counts, torch.outer(overlap / overlap.sum(), behind)) > TOO_UNLIKELY


@pytest.mark.parametrize("uniform", [0.0, 0.5, 1 - 2**-24])
def test_what_the_verifier_never_says_is_never_kept_and_what_the_draft_never_oversays_always(
    uniform: float,
) -> None:
    """Whatever the random number is: both ends of its range come up once in millions."""
    p, never = torch.tensor([SLOPE, SLOPE]), torch.tensor([ONLY_LAST, ONLY_LAST])
    q, noise, number = torch.tensor([SLOPE]), torch.ones(4), torch.tensor([uniform])
    for token in range(4):
        proposed = torch.tensor([token])
        assert accept(p, q, proposed, number, noise)[1] == 1
        tokens, n = accept(never, q, proposed, number, noise)
        assert n == (token == 3)
        assert tokens[0] == 3


def test_what_is_left_by_rounding_alone_is_drawn_from_the_verifiers_distribution() -> None:
    """p and q differ by an ulp at a token, which is refused: p has more than q nowhere."""
    p = torch.tensor([0.0, 0.5, 0.5, 0.0])
    q = p.clone()
    q[1] = torch.nextafter(q[1], torch.tensor(1.0))
    almost_one = torch.tensor([1 - 2**-24])
    tokens, n = accept(torch.stack([p, p]), q[None], torch.tensor([1]), almost_one, torch.ones(4))
    assert n == 0
    assert p[tokens[0]] > 0


TIGHT = [(2, 1.0), (None, 0.6), (3, 0.8)]


@pytest.mark.parametrize(("top_k", "top_p"), TIGHT)
def test_a_token_follows_what_top_k_and_top_p_leave_of_the_verifiers_distribution(
    top_k: int | None, top_p: float
) -> None:
    """They are taken of both: what the draft then never says, the verifier may, and vice versa."""
    generator = torch.Generator().manual_seed(5)
    logits = 1.5 * torch.randn(3, 6, generator=generator)
    p = probabilities(logits[:2], 0.9, top_k, top_p)
    q = probabilities(logits[2:], 0.9, top_k, top_p)
    assert set(p[0].nonzero()[:, 0].tolist()) != set(q[0].nonzero()[:, 0].tolist())
    tokens, n = accepted(p, q, seed=60)
    counts = torch.bincount(tokens[:, 0], minlength=6)
    assert chi_square_p(counts, p[0]) > TOO_UNLIKELY
    assert 0.05 < n.double().mean() < 0.95, "some are kept, and some are not"


@pytest.mark.parametrize("k", [1, 2, 3])
def test_two_tokens_in_a_row_are_distributed_as_the_verifiers(k: int) -> None:
    """Where each token changes what may follow, over as many passes as it takes.

    The verifier and the draft are tables here: the distribution after each token, four to three.
    """
    generator = torch.Generator().manual_seed(3)
    verifier, draft = (
        torch.softmax(1.5 * torch.randn(4, 4, generator=generator), dim=-1) for _ in range(2)
    )
    begin = torch.zeros(DRAWS, dtype=torch.long)  # after token 0

    def one_pass(last: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        read, q, tokens = [last], [], last
        for i in range(k):
            q.append(draft[tokens])
            tokens = drawn(q[-1], seed + i)
            read.append(tokens)
        p = verifier[torch.stack(read, dim=1)]
        return torch.vmap(accept)(
            p,
            torch.stack(q, dim=1),
            torch.stack(read[1:], dim=1),
            *random_numbers(k, 4, seed + k),
        )

    tokens, n = one_pass(begin, seed=40)
    first = tokens[:, 0]
    more, _ = one_pass(first, seed=50)
    second = torch.where(n >= 1, tokens[:, 1], more[:, 0])
    counts = torch.bincount(4 * first + second, minlength=16)
    assert chi_square_p(counts, verifier[0][:, None] * verifier) > TOO_UNLIKELY
    assert 0.2 < (n >= 1).double().mean() < 0.8, "both ways to the second token are taken"


# --- Whole generations, with models ------------------------------------------------------------

SMALLER = tiny(dim=8, layers=1, heads=2, kv_heads=1, hidden=8, vocab=VOCAB, context=32)
PROMPT = [1, 5, 2, 5]  # so that prompt lookup, too, has something to find
TEMPERATURE = 0.8
SEEDS = 1500


def among_the_likeliest(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """The distribution [vocab], token by token; no two logits are equal here."""
    powers = {i: math.exp(x / TEMPERATURE) for i, x in enumerate(logits.tolist())}
    likeliest = sorted(powers, key=lambda i: -powers[i])[:top_k]
    enough, together = top_p * sum(powers[i] for i in likeliest), 0.0
    p = torch.zeros(len(powers))
    for i in likeliest:
        if together < enough:
            p[i] = powers[i]
            together += powers[i]
    return p / together


def distribution_of_tokens_2_and_3(model: Llama, top_k: int, top_p: float) -> Tensor:
    """[vocab, vocab], over every first token: exact, from the logits of every continuation."""
    total = torch.zeros(VOCAB, VOCAB)
    first = among_the_likeliest(read(model, PROMPT)[-1], top_k, top_p)
    for a, b in itertools.product(range(VOCAB), repeat=2):
        logits = read(model, [*PROMPT, a, b])
        second, third = (among_the_likeliest(row, top_k, top_p) for row in logits[-2:])
        total[b] += first[a] * second[b] * third
    return total


@pytest.fixture(scope="module")
def small() -> Llama:
    return random_llama(SMALL, seed=2)


Way = Callable[[Llama, StaticCache, int, int | None, float], list[int]]


def plain(
    model: Llama, cache: StaticCache, seed: int, top_k: int | None, top_p: float
) -> list[int]:
    sampler = Sampler(TEMPERATURE, VOCAB, seed, top_k=top_k, top_p=top_p)
    return joined(generate(Steps(), model, cache, PROMPT, 3, sampler))


def speculative(guesser: Guesser, k: int | Lookahead) -> Way:
    def run(
        model: Llama, cache: StaticCache, seed: int, top_k: int | None, top_p: float
    ) -> list[int]:
        parts = passes(model, guesser, PROMPT, 3, k, TEMPERATURE, seed, cache, top_k, top_p)
        return joined(parts)[:3]

    return run


WAYS: dict[str, Callable[[], Way]] = {
    "alone": lambda: plain,
    "a draft, one token": lambda: speculative(drafting(random_llama(SMALLER, seed=3)), 1),
    "a draft, three tokens": lambda: speculative(drafting(random_llama(SMALLER, seed=3)), 3),
    "prompt lookup, as many as seem worth it": lambda: speculative(
        PromptLookup(ngram=1), Lookahead(2, adaptive=True)
    ),
}
ALL = (None, 1.0)
FEWER = (6, 0.9)


@pytest.mark.parametrize(
    ("way", "top_k", "top_p"),
    [
        ("alone", *ALL),
        ("alone", *FEWER),
        ("a draft, one token", *ALL),
        ("a draft, three tokens", *FEWER),
        ("prompt lookup, as many as seem worth it", *ALL),
    ],
)
@torch.inference_mode()
def test_drawn_tokens_are_distributed_as_the_verifiers(
    small: Llama, way: str, top_k: int | None, top_p: float
) -> None:
    """Tokens 2 and 3 of thousands of generations; the first comes from prefill every time.

    A plain generation is held against the same exact distribution as the speculative ones.
    """
    run, cache = WAYS[way](), StaticCache(SMALL, 1, 16, torch.float32)
    counts = torch.zeros(VOCAB, VOCAB)
    for seed in range(SEEDS):
        _, second, third = run(small, cache, seed, top_k, top_p)
        counts[second, third] += 1
    expected = distribution_of_tokens_2_and_3(small, top_k or VOCAB, top_p)
    assert chi_square_p(counts, expected) > TOO_UNLIKELY
