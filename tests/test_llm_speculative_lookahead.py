"""How many tokens are guessed follows the acceptance, changes no token, and costs a graph each."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from llm_builders import TINY, generated, joined, random_llama, random_tokens
from speculation_builders import SMALL, drafting, guessers, passes, static
from torch._dynamo.testing import CompileCounterWithBackend

from workshop.llm.compile import PLAIN, compiled, graphs_compiled
from workshop.llm.generate import Steps
from workshop.llm.speculation.draft import DraftModel, propose_and_verify
from workshop.llm.speculation.lookahead import Lookahead, by_position
from workshop.llm.speculation.lookup import PromptLookup
from workshop.llm.speculation.speculative import verify


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
    run = compiled(verify, PLAIN, dynamic=False, backend="eager")
    model, cache = random_llama(SMALL), static(SMALL)
    for k in range(1, 11):
        passes(model, PromptLookup(run=run), [1, 2], 2, k, cache=cache)
    assert graphs_compiled() == graphs + 10
