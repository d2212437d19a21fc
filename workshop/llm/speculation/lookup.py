"""The text itself guesses: what followed the last time that it went like this.

Prompt lookup decoding (https://github.com/apoorvumang/prompt-lookup-decoding): no draft model, and
a good guess wherever text repeats itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from workshop.llm.cache import StaticCache
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler
from workshop.llm.speculation.speculative import verify


@dataclass
class PromptLookup:
    """Guesses what followed the latest earlier place where the last ``ngram`` tokens stand.

    Shorter n-grams are tried after longer ones; what is not found, or not k long, is made up with
    the last token, which the verifier will refuse at no cost to the output. Each guess is certain,
    so there is no distribution to tell.
    """

    ngram: int = 3
    run: Callable[..., Tensor] = verify
    # Where it went on after an n-gram: kept, so that a pass looks at the new tokens alone.
    after: dict[tuple[int, ...], int] = field(default_factory=dict)
    known: int = 0

    def start(self, prompt: list[int], sampler: Sampler) -> None:
        self.after, self.known = {}, 0

    def guess(self, text: list[int], k: int) -> list[int]:
        """k tokens to follow ``text``, which goes on from the text of the call before."""
        for end in range(self.known + 1, len(text)):
            for n in range(1, min(self.ngram, end) + 1):
                self.after[tuple(text[end - n : end])] = end
        self.known = len(text) - 1
        for n in range(min(self.ngram, len(text)), 0, -1):
            place = self.after.get(tuple(text[-n:]))
            if place is not None:
                found = text[place : place + k]
                return found + [text[-1]] * (k - len(found))
        return [text[-1]] * k

    def look_ahead(
        self, model: Llama, cache: StaticCache, text: list[int], k: int, sampler: Sampler
    ) -> Tensor:
        device = sampler.device
        tokens = torch.tensor([[text[-1], *self.guess(text, k)]], device=device)
        start = torch.tensor([len(text) - 1], device=device)
        uniform, noise = sampler.uniform(k), sampler.noise(1)
        return self.run(model, cache, tokens, start, None, sampler.sampling, uniform, noise)
