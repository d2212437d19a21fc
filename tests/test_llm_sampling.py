"""From logits to tokens: what is drawn follows its distribution, and its seed."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_builders import TINY, TOO_UNLIKELY, chi_square_p, generated, random_llama, random_tokens
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.sampling import Sampler, Sampling, choose, draw, probabilities

DRAWS = 200_000

logits_lists = st.lists(st.floats(-40, 40, width=32), min_size=1, max_size=40)
temperatures = st.floats(0.05, 20)
properties = settings(max_examples=200)


def drawn(weights: Tensor, seed: int = 0, rows: int = DRAWS) -> Tensor:
    """``rows`` indices drawn by ``weights`` [vocab]."""
    noise = Sampler(1.0, len(weights), seed).noise(rows)
    assert noise is not None
    return draw(weights.expand(rows, -1), noise)


@pytest.mark.parametrize(
    "weights",
    [
        torch.tensor([0.1, 0.2, 0.3, 0.4]),
        torch.tensor([3.0, 0.5, 8.25, 1.0, 2.0]),  # need not sum to one
        torch.tensor([0.0, 1.0, 0.0, 1e-3, 0.0]),
        torch.softmax(2 * torch.randn(97, generator=torch.Generator().manual_seed(0)), dim=0),
    ],
    ids=["few", "not normalised", "with zeros", "many"],
)
def test_draws_follow_their_weights(weights: Tensor) -> None:
    counts = torch.bincount(drawn(weights), minlength=len(weights))
    assert chi_square_p(counts, weights / weights.sum()) > TOO_UNLIKELY
    assert not counts[weights == 0].any()


def test_the_test_would_see_a_weight_that_is_two_percent_off() -> None:
    """So what is called likely enough above is worth something."""
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4])
    counts = torch.bincount(drawn(weights, rows=8 * DRAWS), minlength=4)
    assert chi_square_p(counts, weights) > TOO_UNLIKELY
    assert chi_square_p(counts, torch.tensor([0.102, 0.2, 0.3, 0.398])) < TOO_UNLIKELY


def test_draws_do_not_depend_on_each_other() -> None:
    weights = torch.tensor([0.1, 0.2, 0.7])
    first, second = drawn(weights).view(-1, 2).unbind(dim=1)
    counts = torch.bincount(3 * first + second, minlength=9)
    assert chi_square_p(counts, torch.outer(weights, weights)) > TOO_UNLIKELY


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_tokens_follow_the_softmax_of_logits_over_temperature(temperature: float) -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 1.5])
    noise = Sampler(temperature, 5, seed=1).noise(DRAWS)
    tokens = choose(logits.expand(DRAWS, -1), Sampling(temperature), noise)
    powers = [math.exp(value / temperature) for value in logits.tolist()]
    expected = torch.tensor([power / sum(powers) for power in powers])
    assert chi_square_p(torch.bincount(tokens, minlength=5), expected) > TOO_UNLIKELY


def test_uniform_numbers_are_uniform_from_0_to_below_1() -> None:
    numbers = Sampler(1.0, 5, seed=2).uniform(DRAWS)
    assert numbers is not None
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = torch.bincount((numbers * 50).long(), minlength=50)
    assert chi_square_p(counts, torch.full((50,), 1 / 50)) > TOO_UNLIKELY


def test_noise_divides_anything() -> None:
    """Never zero: a weight of zero over it would be no number."""
    noise = Sampler(1.0, 1000, seed=3).noise(1000)
    assert noise is not None
    assert noise.min() > 0
    assert (1 / noise).isfinite().all()


@properties
@given(logits_lists)
def test_greedy_takes_the_likeliest(values: list[float]) -> None:
    logits = torch.tensor([[values]])
    token = choose(logits, Sampling(), noise=None)
    assert token.shape == (1, 1)
    assert values[int(token)] == max(values)


def test_greedy_draws_no_random_numbers() -> None:
    sampler = Sampler(0.0, 5)
    before = sampler.generator.get_state()
    assert sampler.noise(3) is None
    assert sampler.uniform(3) is None
    assert torch.equal(sampler.generator.get_state(), before)


@properties
@given(logits_lists, temperatures)
def test_probabilities_sum_to_one_and_keep_the_order(
    values: list[float], temperature: float
) -> None:
    p = probabilities(torch.tensor(values), temperature)
    assert p.dtype == torch.float32
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    assert (p >= 0).all()
    for a, p_a in zip(values, p.tolist(), strict=True):
        for b, p_b in zip(values, p.tolist(), strict=True):
            assert a < b or p_a >= p_b


@properties
@given(logits_lists, temperatures, temperatures)
def test_a_lower_temperature_is_sharper(values: list[float], one: float, other: float) -> None:
    """Less entropy, and more on the likeliest."""
    cold, warm = sorted([one, other])
    p, q = (probabilities(torch.tensor(values), t).double() for t in (cold, warm))
    assert p.max() >= q.max() - 1e-6
    assert torch.special.entr(p).sum() <= torch.special.entr(q).sum() + 1e-5


def test_probabilities_of_bf16_logits_are_computed_in_fp32() -> None:
    logits = torch.randn(1000, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert torch.equal(probabilities(logits, 0.7), probabilities(logits.float(), 0.7))


# --- Top-k and top-p --------------------------------------------------------------------------

# Values whose differences are exact in fp32; and few of them, so that tokens are equally likely.
exact_logits = st.lists(st.integers(-2560, 2560).map(lambda n: n / 64), min_size=1, max_size=40)
tied_logits = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12)
some_logits = exact_logits | tied_logits
shares = st.floats(0.01, 1)


def as_likely_as_the_last_of(p: list[float], most: int) -> set[int]:
    """The ``most`` likeliest, and what is as likely as the last of them."""
    least = sorted(p, reverse=True)[:most][-1]
    return {i for i, share in enumerate(p) if share >= least}


def taken(p: Tensor) -> set[int]:
    return set(p.nonzero()[:, 0].tolist())


@properties
@given(some_logits, st.integers(1, 15))
def test_top_k_takes_the_k_likeliest_and_their_equals(values: list[float], k: int) -> None:
    """In the proportions that they had."""
    whole = probabilities(torch.tensor(values), 1.0)
    p = probabilities(torch.tensor(values), 1.0, top_k=k)
    expected = as_likely_as_the_last_of(values, k)
    kept = torch.zeros(len(values), dtype=torch.bool)
    kept[list(expected)] = True
    assert taken(p) == {i for i in expected if p[i] > 0 or whole[i] > 1e-30}
    assert torch.allclose(p, whole * kept / (whole * kept).sum(), atol=1e-6)


@properties
@given(some_logits, shares)
def test_top_p_takes_the_fewest_likeliest_that_reach_it_and_their_equals(
    values: list[float], top_p: float
) -> None:
    """In the proportions that they had; a sum that is p but for rounding may go either way."""
    whole = probabilities(torch.tensor(values), 1.0)
    p = probabilities(torch.tensor(values), 1.0, top_p=top_p)

    def reaching(share: float) -> set[int]:
        ranked, together = sorted(whole.tolist(), reverse=True), 0.0
        for count, one in enumerate(ranked, start=1):
            together += one
            if together >= share:
                return as_likely_as_the_last_of(whole.tolist(), count)
        return as_likely_as_the_last_of(whole.tolist(), len(ranked))

    assert taken(p) <= reaching(top_p + 1e-6)
    assert taken(p) >= {i for i in reaching(top_p - 1e-6) if whole[i] > 0}
    kept = p > 0
    assert torch.allclose(p, whole * kept / (whole * kept).sum(), atol=1e-6)


@properties
@given(some_logits, temperatures)
def test_all_of_the_vocabulary_is_no_choice_at_all(values: list[float], t: float) -> None:
    """To the last bit."""
    logits = torch.tensor(values)
    plain = probabilities(logits, t)
    for k in (None, len(values), len(values) + 1):
        assert torch.equal(probabilities(logits, t, k, 1.0), plain)


@properties
@given(some_logits, temperatures)
def test_the_likeliest_is_always_taken(values: list[float], t: float) -> None:
    for rule in ({"top_k": 1}, {"top_p": 1e-6}):
        p = probabilities(torch.tensor(values), t, **rule)
        whole = probabilities(torch.tensor(values), t)
        assert taken(p) == taken((whole == whole.max()).float())
        assert p.sum().item() == pytest.approx(1, abs=1e-5)


def test_top_p_is_of_what_top_k_left() -> None:
    """Of 0.4, 0.3, 0.2, 0.1 the first three are left: 0.44, 0.33, 0.22; 0.7 takes two of them."""
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
    p = probabilities(logits, 1.0, top_k=3, top_p=0.7)
    assert p.tolist() == pytest.approx([4 / 7, 3 / 7, 0, 0])
    assert taken(probabilities(logits, 1.0, top_p=0.75)) == {0, 1, 2}


def test_rows_do_not_change_each_other() -> None:
    logits = 3 * torch.randn(5, 2, 97, generator=torch.Generator().manual_seed(0))
    rows = [probabilities(row, 0.7, 20, 0.8) for row in logits.view(-1, 97)]
    assert torch.equal(probabilities(logits, 0.7, 20, 0.8), torch.stack(rows).view(5, 2, 97))


@pytest.mark.parametrize(("top_k", "top_p"), [(3, 1.0), (None, 0.8), (4, 0.75), (1, 1.0)])
def test_drawn_tokens_follow_what_top_k_and_top_p_leave(top_k: int | None, top_p: float) -> None:
    """Against a distribution written out by hand."""
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 1.5, -3.0])
    sampler = Sampler(0.8, 6, seed=5, top_k=top_k, top_p=top_p)
    tokens = choose(logits.expand(DRAWS, -1), sampler.sampling, sampler.noise(DRAWS))
    powers = {i: math.exp(value / 0.8) for i, value in enumerate(logits.tolist())}
    ranked = sorted(powers, key=lambda i: -powers[i])[:top_k]
    left, together = list[int](), 0.0
    while together < top_p * sum(powers[i] for i in ranked) - 1e-9:
        left.append(ranked[len(left)])
        together += powers[left[-1]]
    expected = torch.tensor([powers[i] / together if i in left else 0.0 for i in range(6)])
    assert chi_square_p(torch.bincount(tokens, minlength=6), expected) > TOO_UNLIKELY


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
@pytest.mark.parametrize(("top_k", "top_p"), [(10, 1.0), (None, 0.9), (25, 0.6), (1, 0.5)])
def test_it_is_the_distribution_of_hugging_face(
    temperature: float, top_k: int | None, top_p: float
) -> None:
    """Which takes temperature, top-k and top-p in that order as well."""
    processors = pytest.importorskip("transformers.generation.logits_process")
    logits = 2 * torch.randn(20, 97, generator=torch.Generator().manual_seed(1))
    theirs = processors.TemperatureLogitsWarper(temperature)(None, logits)
    if top_k is not None:
        theirs = processors.TopKLogitsWarper(top_k)(None, theirs)
    theirs = processors.TopPLogitsWarper(top_p)(None, theirs) if top_p < 1 else theirs
    ours = probabilities(logits, temperature, top_k, top_p)
    assert torch.allclose(ours, theirs.softmax(-1), atol=1e-6)
    assert torch.equal(ours > 0, theirs.softmax(-1) > 0)


def test_a_graph_serves_every_token_of_a_run() -> None:
    """What is drawn from is fixed in it, whoever made the settings; logits and noise are not."""
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(choose, fullgraph=True, dynamic=False, backend=counter)
    for seed in range(4):
        sampler = Sampler(0.8, 97, seed, top_k=30, top_p=0.9)
        logits, noise = torch.randn(1, 97), sampler.noise(1)
        expected = choose(logits, sampler.sampling, noise)
        assert torch.equal(compiled(logits, Sampling(0.8, 30, 0.9), noise), expected)
    assert counter.frame_count == 1


@pytest.mark.parametrize(
    "make_cache",
    [lambda: GrowingCache(TINY), lambda: StaticCache(TINY, 1, 32, torch.float32)],
    ids=["growing cache", "static cache"],
)
@torch.inference_mode()
def test_the_same_seed_gives_the_same_tokens_and_another_seed_others(
    make_cache: Callable[[], GrowingCache | StaticCache],
) -> None:
    """Whatever was generated with the same cache before."""
    model, prompt, cache = random_llama(), random_tokens(5), make_cache()

    def tokens(seed: int, temperature: float = 1.0) -> list[int]:
        return generated(model, cache, prompt, 20, temperature=temperature, seed=seed)

    assert tokens(seed=1) == tokens(seed=1)
    assert tokens(seed=1) != tokens(seed=2)
    assert tokens(seed=1, temperature=0.0) == tokens(seed=2, temperature=0.0)
    assert tokens(seed=2) == generated(model, make_cache(), prompt, 20, temperature=1.0, seed=2)


@torch.inference_mode()
def test_greedy_generation_takes_the_likeliest_token_after_all_before_it() -> None:
    model, prompt = random_llama(), random_tokens(5)
    text = list(prompt)
    for _ in range(20):
        logits = model(torch.tensor([text]), torch.arange(len(text)))[0, -1]
        text.append(int(logits.argmax()))
    cache = StaticCache(TINY, 1, 32, torch.float32)
    assert generated(model, cache, prompt, 20) == text[5:]
    assert len(set(text[5:])) > 3, "a text that loops would show little"


@pytest.mark.parametrize("temperature", [-0.1, math.inf, math.nan])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="a temperature is 0 or more, not"):
        Sampler(temperature, 5)


@pytest.mark.parametrize("top_k", [0, -3])
def test_a_top_k_that_leaves_nothing_is_refused(top_k: int) -> None:
    with pytest.raises(ValueError, match="top-k is 1 or more tokens, not"):
        Sampler(1.0, 5, top_k=top_k)


@pytest.mark.parametrize("top_p", [0.0, -0.1, 1.1, math.nan])
def test_a_top_p_that_is_no_share_is_refused(top_p: float) -> None:
    with pytest.raises(ValueError, match="top-p is above 0 and at most 1, not"):
        Sampler(1.0, 5, top_p=top_p)
