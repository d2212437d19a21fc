"""From logits to the next token.

Randomness comes in as a tensor, so that these stay pure functions: the same in eager and compiled
mode, on one rank and on several, and repeatable from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """What a token is drawn from; fixed for a run, so that graphs hold these as constants.

    Attributes:
        temperature: 0 takes the likeliest token; above, logits are divided by it.
        top_k: draw from the k likeliest tokens only (Fan et al. 2018,
            https://arxiv.org/abs/1805.04833); None from all.
        top_p: draw from the fewest likeliest tokens whose probability together reaches this: the
            nucleus (Holtzman et al. 2020, https://arxiv.org/abs/1904.09751).

    Raises:
        ValueError: a number that is none of these.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"a temperature is 0 or more, not {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top-k is 1 or more tokens, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top-p is above 0 and at most 1, not {self.top_p}")


def probabilities(
    logits: Tensor, temperature: float, top_k: int | None = None, top_p: float = 1.0
) -> Tensor:
    """The distribution [..., vocab] that a token is drawn from, fp32; temperature > 0.

    Temperature first, then top-k, then top-p of what is left. Tokens as likely as the last one
    that is taken are taken too: nothing but their place in the vocabulary would tell them apart.
    """
    logits = logits.float()
    logits = logits - logits.amax(dim=-1, keepdim=True)  # so that no temperature overflows
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k).values[..., -1:]
        logits = logits.masked_fill(logits < least, float("-inf"))
    p = torch.softmax(logits, dim=-1)
    return p if top_p == 1 else nucleus(p, top_p)


def nucleus(p: Tensor, top_p: float) -> Tensor:
    """A distribution [..., vocab] without the unlikely tokens beyond ``top_p``."""
    ranked = p.sort(dim=-1, descending=True).values
    before = ranked.cumsum(dim=-1) - ranked  # what the likelier tokens have together
    least = ranked.masked_fill(before >= top_p, float("inf")).amin(dim=-1, keepdim=True)
    p = p.masked_fill(p < least, 0)
    return p / p.sum(dim=-1, keepdim=True)


def draw(weights: Tensor, noise: Tensor) -> Tensor:
    """Indices [...] drawn in proportion to ``weights`` [..., vocab], which need not sum to one.

    With E exponentially distributed, argmax(w / E) is i with probability w_i / sum(w): no sum, no
    search, and no read-back to the host, unlike ``torch.multinomial``.
    """
    return torch.argmax(weights / noise, dim=-1)


def distribution(logits: Tensor, sampling: Sampling) -> Tensor:
    """``probabilities`` as a run's settings say."""
    return probabilities(logits, sampling.temperature, sampling.top_k, sampling.top_p)


def choose(logits: Tensor, sampling: Sampling, noise: Tensor | None) -> Tensor:
    """The next token [...] after ``logits`` [..., vocab]: the likeliest where noise is None."""
    if noise is None:
        return torch.argmax(logits, dim=-1)
    return draw(distribution(logits, sampling), noise)


@dataclass
class Sampler:
    """Where the randomness of one generation comes from.

    Temperature 0 is greedy: no randomness at all.
    """

    temperature: float
    vocab: int
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        self.sampling = Sampling(self.temperature, self.top_k, self.top_p)
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
