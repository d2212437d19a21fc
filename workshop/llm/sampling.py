"""From logits to the next token.

Randomness comes in as a tensor, so that these stay pure functions: the same in eager and compiled
mode, on one rank and on several, and repeatable from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


def probabilities(logits: Tensor, temperature: float) -> Tensor:
    """The distribution [..., vocab] that a token is drawn from, fp32; temperature > 0."""
    logits = logits.float()
    logits = logits - logits.amax(dim=-1, keepdim=True)  # so that no temperature overflows
    return torch.softmax(logits / temperature, dim=-1)


def draw(weights: Tensor, noise: Tensor) -> Tensor:
    """Indices [...] drawn in proportion to ``weights`` [..., vocab], which need not sum to one.

    With E exponentially distributed, argmax(w / E) is i with probability w_i / sum(w): no sum, no
    search, and no read-back to the host, unlike ``torch.multinomial``.
    """
    return torch.argmax(weights / noise, dim=-1)


def choose(logits: Tensor, temperature: float, noise: Tensor | None) -> Tensor:
    """The next token [...] after ``logits`` [..., vocab]: the likeliest where noise is None."""
    if noise is None:
        return torch.argmax(logits, dim=-1)
    return draw(probabilities(logits, temperature), noise)


@dataclass
class Sampler:
    """Where the randomness of one generation comes from.

    Temperature 0 is greedy: no randomness at all.
    """

    temperature: float
    vocab: int
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"a temperature is 0 or more, not {self.temperature}")
        # On the host, so that every device and every rank draws the same numbers.
        self.generator = torch.Generator().manual_seed(self.seed)

    def noise(self, rows: int) -> Tensor | None:
        """Exponential noise [rows, vocab] for ``draw``; None for greedy."""
        if self.temperature == 0:
            return None
        drawn = torch.empty(rows, self.vocab).exponential_(generator=self.generator)
        return drawn.clamp_(min=torch.finfo(torch.float32).tiny).to(self.device)

    def uniform(self, count: int) -> Tensor | None:
        """Uniform numbers [count] in [0, 1); None for greedy."""
        if self.temperature == 0:
            return None
        return torch.rand(count, generator=self.generator).to(self.device)
