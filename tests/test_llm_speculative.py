"""Speculative decoding: faster, and greedily not one token different from the verifier alone."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_builders import TINY, generated, joined, random_llama, random_tokens
from speculation_builders import DRAFT, drafting, guessers, passes, static

from workshop.llm.cache import StaticCache
from workshop.llm.speculation.accept import accept_greedy
from workshop.llm.speculation.lookup import PromptLookup


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
