"""Speculative decoding: faster, and not one bit different from the verifier alone."""

from __future__ import annotations

import itertools
import math
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
from torch._dynamo.testing import CompileCounterWithBackend

from workshop.llm.cache import StaticCache
from workshop.llm.compile import graphs_compiled
from workshop.llm.config import Config
from workshop.llm.generate import Steps, generate
from workshop.llm.model import Llama
from workshop.llm.quantization.int8 import Int8Linear
from workshop.llm.quantization.quantize import INT8, Quantization, quantize
from workshop.llm.sampling import Sampler, probabilities
from workshop.llm.speculation.accept import accept, accept_greedy
from workshop.llm.speculation.draft import DraftModel, propose_and_verify, self_draft
from workshop.llm.speculation.lookahead import Lookahead, by_position
from workshop.llm.speculation.lookup import PromptLookup
from workshop.llm.speculation.speculative import Guesser, speculate, verify

ROOM = 128
DRAFT = tiny(dim=32, layers=1, hidden=48)


def static(config: Config) -> StaticCache:
    return StaticCache(config, 1, ROOM, torch.float32)


def drafting(model: Llama) -> Guesser:
    return DraftModel(model, static(model.config), Steps())


def passes(
    model: Llama,
    guesser: Guesser,
    prompt: list[int],
    new_tokens: int,
    k: int | Lookahead,
    temperature: float = 0.0,
    seed: int = 0,
    cache: StaticCache | None = None,
    top_k: int | None = None,
    top_p: float = 1.0,
) -> list[list[int]]:
    """What each pass of a speculative generation gives."""
    return list(
        speculate(
            Steps(),
            model,
            cache or static(model.config),
            guesser,
            prompt,
            new_tokens,
            Lookahead(k) if isinstance(k, int) else k,
            Sampler(temperature, model.config.vocab, seed, top_k=top_k, top_p=top_p),
        )
    )


# --- Greedy: the very same tokens -------------------------------------------------------------

guessers: dict[str, Callable[[Llama], Guesser]] = {
    "another model drafts": lambda model: drafting(random_llama(DRAFT, seed=1)),
    "the verifier drafts for itself": drafting,
    "the text drafts": lambda model: PromptLookup(),
}


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("length", [1, 2, 20])
@pytest.mark.parametrize("guesser", guessers)
@torch.inference_mode()
def test_greedy_speculation_says_what_the_verifier_says_alone(
    guesser: str, length: int, k: int
) -> None:
    model, prompt = random_llama(), random_tokens(length)
    alone = generated(model, static(TINY), prompt, 40)
    parts = passes(model, guessers[guesser](model), prompt, 40, k)
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
    parts = passes(model, PromptLookup(), [3], 60, k=5)
    assert joined(parts)[:60] == alone
    assert len(parts) < 60 / 3


@pytest.mark.parametrize("k", [1, 4])
@torch.inference_mode()
def test_k_more_positions_than_tokens_are_room_enough(k: int) -> None:
    """The last pass may go past what was asked for, by k at most."""
    model, prompt, new_tokens = random_llama(), random_tokens(6), 20
    cache = StaticCache(TINY, 1, len(prompt) + new_tokens + k, torch.float32)
    parts = passes(model, PromptLookup(), prompt, new_tokens, k, cache=cache)
    assert joined(parts)[:new_tokens] == generated(model, static(TINY), prompt, new_tokens)


@torch.inference_mode()
def test_what_an_earlier_generation_left_in_the_caches_does_no_harm() -> None:
    model = random_llama()
    cache, guesser = static(TINY), drafting(random_llama(DRAFT, seed=1))
    passes(model, guesser, random_tokens(30, seed=7), 60, 3, cache=cache)
    prompt = random_tokens(4, seed=8)
    parts = passes(model, guesser, prompt, 40, 3, cache=cache)
    assert joined(parts)[:40] == generated(model, static(TINY), prompt, 40)


@pytest.mark.parametrize("guesser", guessers)
@torch.inference_mode()
def test_a_number_of_guesses_that_follows_the_acceptance_changes_no_token(guesser: str) -> None:
    model, prompt = random_llama(), random_tokens(9)
    alone = generated(model, static(TINY), prompt, 60)
    parts = passes(model, guessers[guesser](model), prompt, 60, Lookahead(5, adaptive=True))
    assert joined(parts)[:60] == alone
    right = [len(part) - 1 for part in parts[1:]]
    guessed = Lookahead(5, adaptive=True).guessed(right)
    assert all(n <= k for n, k in zip(right, guessed, strict=True))
    assert guessed[-1] == (5 if guesser == "the verifier drafts for itself" else 1)


@torch.inference_mode()
def test_each_number_of_guesses_is_one_graph_and_none_is_made_twice() -> None:
    """Draft and verifier together, whatever was kept."""
    counter = CompileCounterWithBackend("eager")
    run = torch.compile(propose_and_verify, fullgraph=True, dynamic=False, backend=counter)
    model, draft = random_llama(), random_llama()
    draft.lm_head.weight += 0.4 * random_llama(seed=5).lm_head.weight
    guesser, cache = DraftModel(draft, static(TINY), Steps(), run), static(TINY)
    ahead = Lookahead(2, adaptive=True)
    for k in ahead.sizes:
        passes(model, guesser, random_tokens(6), 4, k, 0.8, cache=cache)
    assert counter.frame_count == 2
    guessed = set()
    for seed in range(3):
        prompt = random_tokens(4 + seed, seed=seed)
        said = passes(model, guesser, prompt, 60, ahead, 0.8, seed, cache)
        assert said == passes(model, drafting(draft), prompt, 60, ahead, 0.8, seed)
        guessed |= set(ahead.guessed(len(part) - 1 for part in said[1:]))
    assert guessed == {1, 2}
    assert counter.frame_count == 2, "the warm-up had made them all"


@torch.inference_mode()
def test_there_can_be_as_many_graphs_as_numbers_of_guesses() -> None:
    """torch's own limit is eight for a function."""
    graphs = graphs_compiled()
    run = torch.compile(verify, fullgraph=True, dynamic=False, backend="eager")
    model, cache = random_llama(SMALL), static(SMALL)
    for k in range(1, 11):
        passes(model, PromptLookup(run=run), [1, 2], 2, k, cache=cache)
    assert graphs_compiled() == graphs + 10


# --- A model's own copy as its draft ----------------------------------------------------------


@pytest.mark.parametrize("of", [None, INT8], ids=["int8 of a plain model", "int4 of an int8 model"])
@torch.inference_mode()
def test_a_self_draft_is_the_model_in_fewer_bits_and_nothing_else_anew(
    of: Quantization | None,
) -> None:
    model, how = random_llama(), INT8 if of is None else Quantization("int4", 32)
    expected = random_llama()
    if of is not None:
        quantize(model, of)
        quantize(expected, of)
        for block in [*expected.layers, expected]:  # back to plain layers, for int4 to start from
            plain_again(block)
    quantize(expected, how)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    draft = self_draft(model, how)
    assert torch.equal(read(draft, random_tokens(9)), read(expected, random_tokens(9)))
    assert draft.embed_tokens.weight is model.embed_tokens.weight
    assert draft.norm.weight is model.norm.weight
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before), "the model is as it was"


def plain_again(module: torch.nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Int8Linear):
            linear = torch.nn.Linear(child.in_features, child.out_features, bias=False)
            linear.weight = torch.nn.Parameter(child.dequantized(), requires_grad=False)
            setattr(module, name, linear)
        elif not isinstance(child, torch.nn.ModuleList):
            plain_again(child)


@pytest.mark.parametrize("how", [INT8, Quantization("int4", 32)], ids=["int8", "int4"])
@torch.inference_mode()
def test_a_self_draft_is_believed_more_often_than_a_stranger(how: Quantization) -> None:
    model, prompt = random_llama(), random_tokens(9)
    parts = passes(model, drafting(self_draft(model, how)), prompt, 80, 3)
    assert joined(parts)[:80] == generated(model, static(TINY), prompt, 80)
    strangers = passes(model, drafting(random_llama(DRAFT, seed=1)), prompt, 80, 3)
    assert len(parts) < len(strangers) / 1.5


# --- How many to guess, and how often that was right ------------------------------------------


@given(st.integers(1, 16), st.lists(st.floats(0, 1), max_size=60))
def test_k_goes_up_by_two_when_all_is_right_and_down_by_one_when_not(
    most: int, shares: list[float]
) -> None:
    lookahead = Lookahead(most, adaptive=True)
    k, right, expected = most, [], []
    for share in shares:
        expected.append(k)
        right.append(round(share * k))
        k = min(most, k + 2) if right[-1] == k else max(1, k - 1)
    assert lookahead.guessed(right) == expected
    assert set(expected) <= set(lookahead.sizes), "each has its graph"
    assert Lookahead(most).guessed(right) == [most] * len(right)
    assert list(Lookahead(most).sizes) == [most]


@given(st.lists(st.integers(0, 6)))
def test_positions_are_counted_by_the_passes_that_came_so_far(counts: list[int]) -> None:
    positions = by_position(counts)
    assert sum(positions) == sum(counts)
    for i, passed in enumerate(positions, start=1):
        assert passed == len([count for count in counts if count >= i])
    assert positions == [p for p in positions if p], "none ends with positions that nobody reached"


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


VOCAB = 8
SMALL = tiny(dim=16, layers=1, heads=2, kv_heads=1, hidden=24, vocab=VOCAB, context=32)
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


# --- Prompt lookup ----------------------------------------------------------------------------


@settings(max_examples=500)
@given(st.data())
def test_lookup_gives_what_followed_the_last_time(data: st.DataObject) -> None:
    """k tokens, which followed the latest earlier place of the longest ending that has one.

    Where the text ends too early, or the ending is new, the last token fills them up. It makes no
    difference in how many pieces the text came, nor what was looked up before.
    """
    tokens = st.integers(0, 3)
    text = data.draw(st.lists(tokens, min_size=1, max_size=30))
    k, ngram = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    guesser = PromptLookup(ngram)
    guesser.guess(data.draw(st.lists(tokens, min_size=1, max_size=9)), k)
    guesser.start(text, Sampler(0.0, 4))
    for end in sorted(data.draw(st.sets(st.integers(1, len(text))))):
        assert len(guesser.guess(text[:end], k)) == k
    proposed = guesser.guess(text, k)
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
    assert PromptLookup(ngram=3).guess(text, k) == proposed


@torch.inference_mode()
def test_a_guess_without_a_distribution_is_taken_for_certain() -> None:
    """All the weight is on what was guessed, or acceptance would be wrong."""
    model, tokens, start = random_llama(), torch.tensor([random_tokens(4)]), torch.tensor([0])
    certain = F.one_hot(tokens[0, 1:], TINY.vocab).float()
    for seed in range(20):
        sampler = Sampler(0.5, TINY.vocab, seed)
        drawn = sampler.sampling, sampler.uniform(3), sampler.noise(1)
        said = verify(model, static(TINY), tokens, start, None, *drawn)
        assert torch.equal(said, verify(model, static(TINY), tokens, start, certain, *drawn))
