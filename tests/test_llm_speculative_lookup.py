"""Prompt lookup guesses what followed in the text the last time, and is taken for certain."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_builders import TINY, generated, joined, random_llama, random_tokens, tiny
from speculation_builders import passes, static

from workshop.llm.sampling import Sampler
from workshop.llm.speculation.lookup import PromptLookup
from workshop.llm.speculation.speculative import verify


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
