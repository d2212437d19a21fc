"""Speculative decoding (Leviathan et al. 2023, https://arxiv.org/abs/2211.17192).

Decode reads all weights for one token; reading them for k + 1 tokens takes hardly longer. So
something cheap guesses k tokens, the model (the verifier) looks at all of them in one pass, and the
guesses that it agrees with are kept, with one more token of its own. The output is the verifier's:
the very same tokens when greedy, the very same distribution when drawing.

``draft.py`` and ``lookup.py`` guess, ``accept.py`` says what is kept, ``lookahead.py`` says k.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from workshop.llm.cache import StaticCache
from workshop.llm.generate import Steps, read_prompts
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler, Sampling, distribution
from workshop.llm.speculation.accept import accept, accept_greedy
from workshop.llm.speculation.lookahead import Lookahead

NOTHING = -1


def verify(
    model: Llama,
    cache: StaticCache,
    tokens: Tensor,
    start: Tensor,
    q: Tensor | None,
    sampling: Sampling,
    uniform: Tensor | None,
    noise: Tensor | None,
) -> Tensor:
    """Look at the last token and the k guessed after it in one pass.

    Args:
        tokens: [1, k + 1], at the positions ``start`` [1] and after.
        q: the distributions [k, vocab] that the guesses were drawn from; None where there was no
            choice: then each is certain.
        uniform: numbers [k] in [0, 1); None for greedy.
        noise: exponential noise [1, vocab]; None for greedy.

    Returns:
        new tokens [k + 1], with ``NOTHING`` after the last: one tensor, and so one read-back.
    """
    steps = torch.arange(tokens.shape[1], device=tokens.device)
    logits = model(tokens, start + steps, cache)[0]
    guesses = tokens[0, 1:]
    if uniform is None or noise is None:
        chosen, n = accept_greedy(logits, guesses)
    else:
        p = distribution(logits, sampling)
        q = F.one_hot(guesses, p.shape[1]).float() if q is None else q
        chosen, n = accept(p, q, guesses, uniform, noise[0])
    return model.agree(torch.where(steps <= n, chosen, NOTHING))


class Guesser(Protocol):
    """Who guesses: told the prompt once, then asked pass after pass."""

    def start(self, prompt: list[int], sampler: Sampler) -> None: ...

    def look_ahead(
        self, model: Llama, cache: StaticCache, text: list[int], k: int, sampler: Sampler
    ) -> Tensor:
        """Guess k tokens to follow ``text``, and ``verify`` them: what it returns."""
        ...


def speculate(
    steps: Steps,
    model: Llama,
    cache: StaticCache,
    guesser: Guesser,
    prompt: list[int],
    new_tokens: int,
    lookahead: Lookahead,
    sampler: Sampler,
) -> Iterator[list[int]]:
    """New tokens: the first alone, then 1 to k + 1 for each pass of the verifier.

    The last list may go past ``new_tokens``, by up to k tokens; caches need room for them.
    """
    guesser.start(prompt, sampler)
    sampling, noise = sampler.sampling, sampler.noise(1)
    first = read_prompts(steps, model, cache, [prompt], sampling, noise, sampler.device)
    text, k = [*prompt, int(first)], lookahead.most
    yield text[-1:]
    while len(text) < len(prompt) + new_tokens:
        # Read at once, and the text is kept on the host: with CUDA graphs, the next run (of this k
        # or another) writes over what this one returned.
        new = [t for t in guesser.look_ahead(model, cache, text, k, sampler).tolist() if t >= 0]
        text += new
        yield new
        k = lookahead.after(k, kept=len(new) - 1)
