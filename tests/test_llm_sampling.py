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

from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.sampling import Sampler, choose, draw, probabilities

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
    tokens = choose(logits.expand(DRAWS, -1), temperature, noise)
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
    token = choose(logits, 0.0, noise=None)
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
