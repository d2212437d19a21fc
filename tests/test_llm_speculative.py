"""Speculative decoding: faster, and not one bit different from the verifier alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_builders import (
    TINY,
    TOO_UNLIKELY,
    chi_square_p,
    generated,
    joined,
    random_llama,
    random_tokens,
    read,
    tiny,
)
from torch import Tensor

from workshop.llm.cache import StaticCache
from workshop.llm.config import Config
from workshop.llm.generate import Steps, prefill
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler
from workshop.llm.speculative import (
    DraftModel,
    PromptLookup,
    Proposer,
    accept,
    accept_greedy,
    lookup,
    speculate,
    verify,
)

ROOM = 128
DRAFT = tiny(dim=32, layers=1, hidden=48)


def static(config: Config) -> StaticCache:
    return StaticCache(config, 1, ROOM, torch.float32)


def drafting(model: Llama) -> Proposer:
    return DraftModel(model, static(model.config), prefill)


def passes(
    model: Llama,
    proposer: Proposer,
    prompt: list[int],
    new_tokens: int,
    k: int,
    temperature: float = 0.0,
    seed: int = 0,
    cache: StaticCache | None = None,
) -> list[list[int]]:
    """What each pass of a speculative generation gives."""
    return list(
        speculate(
            Steps(),
            verify,
            model,
            cache or static(model.config),
            proposer,
            prompt,
            new_tokens,
            k,
            Sampler(temperature, model.config.vocab, seed),
        )
    )


# --- Greedy: the very same tokens -------------------------------------------------------------

proposers: dict[str, Callable[[Llama], Proposer]] = {
    "another model drafts": lambda model: drafting(random_llama(DRAFT, seed=1)),
    "the verifier drafts for itself": drafting,
    "the text drafts": lambda model: PromptLookup(model.config.vocab),
}


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("length", [1, 2, 20])
@pytest.mark.parametrize("proposer", proposers)
@torch.inference_mode()
def test_greedy_speculation_says_what_the_verifier_says_alone(
    proposer: str, length: int, k: int
) -> None:
    model, prompt = random_llama(), random_tokens(length)
    alone = generated(model, static(TINY), prompt, 40)
    parts = passes(model, proposers[proposer](model), prompt, 40, k)
    assert joined(parts)[:40] == alone
    assert len(parts[0]) == 1
    assert all(1 <= len(part) <= k + 1 for part in parts)
    assert sum(len(part) for part in parts[:-1]) < 40, "no pass after the last token"


@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@torch.inference_mode()
def test_a_draft_that_is_the_verifier_is_always_believed(k: int, temperature: float) -> None:
    """Every pass gives k + 1 tokens, so the draft has seen every token that it should have."""
    model = random_llama()
    parts = passes(model, drafting(model), random_tokens(5), 40, k, temperature)
    assert {len(part) for part in parts[1:]} == {k + 1}


@torch.inference_mode()
def test_a_draft_that_is_another_model_is_sometimes_believed() -> None:
    """The tests of sameness would show nothing if all were refused."""
    model = random_llama()
    nearly = random_llama()
    nearly.lm_head.weight += 0.03 * random_llama(seed=5).lm_head.weight
    sizes = {len(part) for part in passes(model, drafting(nearly), random_tokens(5), 80, 3)[1:]}
    assert len(sizes) >= 3
    alone = generated(model, static(TINY), random_tokens(5), 80)
    parts = passes(model, drafting(nearly), random_tokens(5), 80, 3)
    assert joined(parts)[:80] == alone


@torch.inference_mode()
def test_prompt_lookup_speaks_a_repeating_text_in_few_passes() -> None:
    """A model whose layers are silenced says after a token always the same one, hence a loop."""
    model = random_llama(tiny(vocab=11))
    for block in model.layers:
        block.self_attn.o_proj.weight.zero_()
        block.mlp.down_proj.weight.zero_()
    alone = generated(model, static(model.config), [3], 60)
    parts = passes(model, PromptLookup(11), [3], 60, k=5)
    assert joined(parts)[:60] == alone
    assert len(parts) < 60 / 3


@pytest.mark.parametrize("k", [1, 4])
@torch.inference_mode()
def test_k_more_positions_than_tokens_are_room_enough(k: int) -> None:
    """The last pass may go past what was asked for, by k at most."""
    model, prompt, new_tokens = random_llama(), random_tokens(6), 20
    cache = StaticCache(TINY, 1, len(prompt) + new_tokens + k, torch.float32)
    parts = passes(model, PromptLookup(TINY.vocab), prompt, new_tokens, k, cache=cache)
    assert joined(parts)[:new_tokens] == generated(model, static(TINY), prompt, new_tokens)


@torch.inference_mode()
def test_what_an_earlier_generation_left_in_the_caches_does_no_harm() -> None:
    model = random_llama()
    cache, proposer = static(TINY), drafting(random_llama(DRAFT, seed=1))
    passes(model, proposer, random_tokens(30, seed=7), 60, 3, cache=cache)
    prompt = random_tokens(4, seed=8)
    parts = passes(model, proposer, prompt, 40, 3, cache=cache)
    assert joined(parts)[:40] == generated(model, static(TINY), prompt, 40)


@given(st.data())
@settings(max_examples=100)
def test_greedy_acceptance_keeps_what_agrees_up_to_the_first_that_does_not(
    data: st.DataObject,
) -> None:
    k = data.draw(st.integers(1, 5))
    tokens = st.integers(0, 2)
    own = data.draw(st.lists(tokens, min_size=k + 1, max_size=k + 1))
    proposed = data.draw(st.lists(tokens, min_size=k, max_size=k))
    chosen, n = accept_greedy(F.one_hot(torch.tensor(own), 3).float(), torch.tensor(proposed))
    agreeing = list(itertools.takewhile(lambda i: own[i] == proposed[i], range(k)))
    assert int(n) == len(agreeing)
    assert chosen.tolist()[: int(n) + 1] == own[: int(n) + 1]


# --- Drawing: the very same distribution ------------------------------------------------------

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


VOCAB = 8
SMALL = tiny(dim=16, layers=1, heads=2, kv_heads=1, hidden=24, vocab=VOCAB, context=32)
SMALLER = tiny(dim=8, layers=1, heads=2, kv_heads=1, hidden=8, vocab=VOCAB, context=32)
PROMPT = [1, 5, 2, 5]  # so that prompt lookup, too, has something to find
TEMPERATURE = 0.8
SEEDS = 1500


def distribution_of_tokens_2_and_3(model: Llama) -> Tensor:
    """[vocab, vocab], over every first token: exact, from the logits of every continuation."""
    total = torch.zeros(VOCAB, VOCAB)
    first = torch.softmax(read(model, PROMPT)[-1] / TEMPERATURE, dim=-1)
    for a, b in itertools.product(range(VOCAB), repeat=2):
        logits = read(model, [*PROMPT, a, b]) / TEMPERATURE
        second, third = torch.softmax(logits[-2:], dim=-1)
        total[b] += first[a] * second[b] * third
    return total


@pytest.fixture(scope="module")
def small() -> Llama:
    return random_llama(SMALL, seed=2)


def plain(model: Llama, cache: StaticCache, seed: int) -> list[int]:
    return generated(model, cache, PROMPT, 3, temperature=TEMPERATURE, seed=seed)


def speculative(proposer: Proposer, k: int) -> Callable[[Llama, StaticCache, int], list[int]]:
    def run(model: Llama, cache: StaticCache, seed: int) -> list[int]:
        return joined(passes(model, proposer, PROMPT, 3, k, TEMPERATURE, seed, cache))[:3]

    return run


WAYS = {
    "alone": lambda: plain,
    "a draft, one token": lambda: speculative(drafting(random_llama(SMALLER, seed=3)), 1),
    "a draft, three tokens": lambda: speculative(drafting(random_llama(SMALLER, seed=3)), 3),
    "prompt lookup": lambda: speculative(PromptLookup(VOCAB, ngram=1), 2),
}


@pytest.mark.parametrize("way", WAYS)
@torch.inference_mode()
def test_drawn_tokens_are_distributed_as_the_verifiers(small: Llama, way: str) -> None:
    """Tokens 2 and 3 of thousands of generations; the first comes from prefill every time.

    A plain generation is held against the same exact distribution as the speculative ones.
    """
    run, cache = WAYS[way](), StaticCache(SMALL, 1, 16, torch.float32)
    counts = torch.zeros(VOCAB, VOCAB)
    for seed in range(SEEDS):
        _, second, third = run(small, cache, seed)
        counts[second, third] += 1
    assert chi_square_p(counts, distribution_of_tokens_2_and_3(small)) > TOO_UNLIKELY


# --- Prompt lookup ----------------------------------------------------------------------------


@settings(max_examples=500)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 6), st.integers(1, 4))
def test_lookup_gives_what_followed_the_last_time(text: list[int], k: int, ngram: int) -> None:
    """k tokens, which followed the latest earlier place of the longest ending that has one.

    Where the text ends too early, or the ending is new, the last token fills them up.
    """
    proposed = lookup(text, k, ngram)
    assert len(proposed) == k
    for n in range(min(ngram, len(text) - 1), 0, -1):
        ending = text[len(text) - n :]
        earlier = [i for i in range(len(text) - n) if text[i : i + n] == ending]
        if earlier:
            after = earlier[-1] + n
            followed = text[after : after + k]
            assert len(followed) >= 1
            assert proposed == followed + [text[-1]] * (k - len(followed))
            return
    assert proposed == [text[-1]] * k


@pytest.mark.parametrize(
    ("text", "k", "proposed"),
    [
        ([1, 2, 3, 4, 9, 1, 2, 3], 2, [4, 9]),
        ([1, 2, 3, 4, 9, 1, 2, 3], 5, [4, 9, 1, 2, 3]),
        ([7, 2, 3, 4, 8, 2, 3, 5, 9, 2, 3], 1, [5]),  # the latest place
        ([1, 2, 3, 6, 7, 3, 8, 1, 2, 3], 1, [6]),  # a longer ending before a later place
        ([5, 6], 3, [6, 6, 6]),
        ([5], 2, [5, 5]),
    ],
)
def test_lookup_in_examples(text: list[int], k: int, proposed: list[int]) -> None:
    assert lookup(text, k, ngram=3) == proposed


def test_prompt_lookup_proposes_with_certainty() -> None:
    """Its distribution has all the weight on what it proposes, or acceptance would be wrong."""
    sampler = Sampler(0.5, 10)
    proposed, q = PromptLookup(10).next([1, 2, 3, 1, 2], 3, sampler)
    assert proposed.tolist() == [3, 1, 2]
    assert q is not None
    assert torch.equal(q, F.one_hot(proposed, 10).float())
    assert PromptLookup(10).next([1, 2, 3, 1, 2], 3, Sampler(0.0, 10))[1] is None
