"""Speculative decoding (Leviathan et al. 2023, https://arxiv.org/abs/2211.17192).

Decode reads all weights for one token; reading them for k + 1 tokens takes hardly longer. So a
cheap proposer guesses k tokens, the model (the verifier) looks at all of them in one pass, and the
guesses that it agrees with are kept, with one more token of its own. The output is the verifier's:
the very same tokens when greedy, the very same distribution when drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from workshop.llm.cache import StaticCache
from workshop.llm.generate import Step, Steps, prompt_tensors
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler, choose, draw, probabilities


def accept(
    p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor]:
    """Keep what can be kept of the proposal such that the output is distributed as p.

    1. Go through the proposed tokens x_1 .. x_k; keep x_i with probability min(1, p_i / q_i).
    2. At the first one refused, draw instead from what p has more of than q: max(0, p - q).
    3. If none was refused, draw one further token from p_{k+1}: it costs nothing.

    Args:
        p: the verifier's distributions [k + 1, vocab].
        q: the proposer's distributions [k, vocab].
        proposed: tokens [k] drawn from q.
        uniform: numbers [k] in [0, 1).
        noise: exponential noise [vocab].

    Returns:
        tokens [k + 1], of which the first n + 1 are the output, and n, a scalar.
    """
    p_proposed = p[:-1].gather(1, proposed[:, None])[:, 0]
    q_proposed = q.gather(1, proposed[:, None])[:, 0]
    kept = uniform * q_proposed < p_proposed
    n = kept.int().cumprod(0).sum()
    residual = (p - F.pad(q, (0, 0, 0, 1))).clamp(min=0)  # row k + 1 is p itself
    own = draw(residual.index_select(0, n[None]), noise)
    tokens = F.pad(proposed, (0, 1))
    return torch.where(torch.arange(tokens.shape[0], device=n.device) == n, own, tokens), n


def accept_greedy(logits: Tensor, proposed: Tensor) -> tuple[Tensor, Tensor]:
    """``accept`` at temperature 0: keep the tokens [k] that are the verifier's own choice."""
    own = logits.argmax(-1)
    n = (own[:-1] == proposed).int().cumprod(0).sum()
    return own, n


def verify(
    model: Llama,
    cache: StaticCache,
    tokens: Tensor,
    positions: Tensor,
    q: Tensor | None,
    temperature: float,
    uniform: Tensor | None,
    noise: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Look at the last token and the k proposed after it, [1, k + 1], in one pass."""
    logits = model(tokens, positions, cache)[0]
    if q is None or uniform is None or noise is None:
        return accept_greedy(logits, tokens[0, 1:])
    p = probabilities(logits, temperature)
    return accept(p, q, tokens[0, 1:], uniform, noise[0])


def propose(
    draft: Llama,
    cache: StaticCache,
    last: Tensor,
    positions: Tensor,
    k: int,
    temperature: float,
    noise: Tensor | None,
) -> tuple[Tensor, Tensor | None]:
    """k tokens [k] of the draft model, and the distributions [k, vocab] that they were drawn from.

    ``last`` [1, 2] are the last two tokens: when a whole proposal was kept, the draft has not yet
    seen the last of it. Reading two is no slower than one, and one graph serves both cases.
    """
    proposed, distributions = [], []
    tokens = last
    for i in range(k):
        logits = draft(tokens, positions, cache)[0, -1:]
        token = choose(logits, temperature, None if noise is None else noise[i : i + 1])
        proposed.append(token)
        if noise is not None:
            distributions.append(probabilities(logits, temperature))
        tokens, positions = token[None], positions[-1:] + 1
    return torch.cat(proposed), torch.cat(distributions) if distributions else None


Verify = Callable[..., tuple[Tensor, Tensor]]
Propose = Callable[..., tuple[Tensor, Tensor | None]]


class Proposer(Protocol):
    """Who guesses: told the prompt once, then asked after every pass of the verifier."""

    def start(self, prompt: list[int], sampler: Sampler) -> None: ...

    def next(self, text: list[int], k: int, sampler: Sampler) -> tuple[Tensor, Tensor | None]:
        """k tokens [k] to follow ``text``, and their distributions [k, vocab] unless greedy."""
        ...


@dataclass
class DraftModel:
    """A small model guesses."""

    model: Llama
    cache: StaticCache
    prefill: Step
    propose: Propose = propose

    def start(self, prompt: list[int], sampler: Sampler) -> None:
        tokens, positions = prompt_tensors(prompt, sampler.device)
        self.prefill(self.model, self.cache, tokens, positions, 0.0, None)

    def next(self, text: list[int], k: int, sampler: Sampler) -> tuple[Tensor, Tensor | None]:
        last = torch.tensor([text[-2:]], device=sampler.device)
        at = torch.arange(len(text) - 2, len(text), device=sampler.device)
        return self.propose(
            self.model, self.cache, last, at, k, sampler.temperature, sampler.noise(k)
        )


@dataclass
class PromptLookup:
    """The text itself guesses: what followed the last time that it went like this.

    Prompt lookup decoding (https://github.com/apoorvumang/prompt-lookup-decoding): no draft model,
    and a good guess wherever text repeats itself.
    """

    vocab: int
    ngram: int = 3

    def start(self, prompt: list[int], sampler: Sampler) -> None:
        """Nothing to prepare."""

    def next(self, text: list[int], k: int, sampler: Sampler) -> tuple[Tensor, Tensor | None]:
        proposed = torch.tensor(lookup(text, k, self.ngram), device=sampler.device)
        if sampler.temperature == 0:
            return proposed, None
        return proposed, F.one_hot(proposed, self.vocab).float()  # a guess that is always this one


def lookup(text: list[int], k: int, ngram: int) -> list[int]:
    """The k tokens after the latest earlier place where the last ``ngram`` tokens stand.

    Shorter n-grams are tried after longer ones; what is not found, or not k long, is made up with
    the last token, which the verifier will refuse at no cost to the output.
    """
    for n in range(min(ngram, len(text) - 1), 0, -1):
        tail = text[-n:]
        for start in range(len(text) - n - 1, -1, -1):
            if text[start : start + n] == tail:
                found = text[start + n : start + n + k]
                return found + [text[-1]] * (k - len(found))
    return [text[-1]] * k


def speculate(
    steps: Steps,
    verifier: Verify,
    model: Llama,
    cache: StaticCache,
    proposer: Proposer,
    prompt: list[int],
    new_tokens: int,
    k: int,
    sampler: Sampler,
) -> Iterator[list[int]]:
    """New tokens: the first alone, then 1 to k + 1 for each pass of the verifier.

    The last list may go past ``new_tokens``, by up to k tokens; caches need room for them.
    """
    device, temperature = sampler.device, sampler.temperature
    cache.clear()
    tokens, positions = prompt_tensors(prompt, device)
    proposer.start(prompt, sampler)
    first = steps.prefill(model, cache, tokens, positions, temperature, sampler.noise(1))
    text = [*prompt, int(first)]
    yield [text[-1]]
    while len(text) < len(prompt) + new_tokens:
        proposed, q = proposer.next(text, k, sampler)
        tokens = torch.cat([torch.tensor([text[-1]], device=device), proposed])[None]
        positions = torch.arange(len(text) - 1, len(text) + k, device=device)
        chosen, n = verifier(
            model, cache, tokens, positions, q, temperature, sampler.uniform(k), sampler.noise(1)
        )
        new = chosen.tolist()[: int(n) + 1]
        text += new
        yield new
