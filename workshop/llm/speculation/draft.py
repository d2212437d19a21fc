"""A draft model guesses: another, smaller one, or the model's own copy in fewer bits."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workshop.llm.cache import StaticCache
from workshop.llm.generate import Steps, read_prompts
from workshop.llm.model import Llama, whole
from workshop.llm.quantization.quantize import AnyLinear, Quantization
from workshop.llm.sampling import Sampler, Sampling, choose, distribution
from workshop.llm.speculation.speculative import verify


def propose(
    draft: Llama,
    cache: StaticCache,
    last: Tensor,
    start: Tensor,
    k: int,
    sampling: Sampling,
    noise: Tensor | None,
) -> tuple[Tensor, Tensor | None]:
    """k tokens [k] of the draft model, and the distributions [k, vocab] that they were drawn from.

    ``last`` [1, 2] are the last two tokens, from position ``start`` [1] on: when a whole proposal
    was kept, the draft has not yet seen the last of it. Reading two is no slower than one, and one
    graph serves both cases.
    """
    proposed, distributions = [], []
    tokens, positions = last, start + torch.arange(2, device=start.device)
    for i in range(k):
        logits = draft(tokens, positions, cache)[0, -1:]
        token = choose(logits, sampling, None if noise is None else noise[i : i + 1])
        proposed.append(token)
        if noise is not None:
            distributions.append(distribution(logits, sampling))
        tokens, positions = token[None], positions[-1:] + 1
    return torch.cat(proposed), torch.cat(distributions) if distributions else None


def propose_and_verify(
    model: Llama,
    cache: StaticCache,
    draft: Llama,
    draft_cache: StaticCache,
    last: Tensor,
    start: Tensor,
    k: int,
    sampling: Sampling,
    uniform: Tensor | None,
    noise: Tensor | None,
) -> Tensor:
    """A whole pass: k steps of the draft and one of the model, with ``noise`` [k + 1, vocab].

    Compiled, it is one graph: Python is entered once, and the draft's distributions never leave it.
    """
    own = None if noise is None else noise[k:]
    proposed, q = propose(draft, draft_cache, last, start, k, sampling, noise)
    # Of a draft that is whole on every rank, too: ranks that read other guesses would add up
    # what does not belong together.
    tokens = torch.cat([last[0, 1:], model.agree(proposed)])[None]
    return verify(model, cache, tokens, start + 1, q, sampling, uniform, own)


Pass = Callable[..., Tensor]


@dataclass
class DraftModel:
    """A model that guesses."""

    model: Llama
    cache: StaticCache
    steps: Steps
    run: Pass = propose_and_verify

    def start(self, prompt: list[int], sampler: Sampler) -> None:
        sampling, device = sampler.sampling, sampler.device
        read_prompts(self.steps, self.model, self.cache, [prompt], sampling, None, device)

    def look_ahead(
        self, model: Llama, cache: StaticCache, text: list[int], k: int, sampler: Sampler
    ) -> Tensor:
        last = torch.tensor([text[-2:]], device=sampler.device)
        start = torch.tensor([len(text) - 2], device=sampler.device)
        uniform, noise = sampler.uniform(k), sampler.noise(k + 1)
        return self.run(
            model, cache, self.model, self.cache, last, start, k, sampler.sampling, uniform, noise
        )


def self_draft(model: Llama, how: Quantization) -> Llama:
    """The model's own copy with its linear layers in fewer bits; all the rest is shared with it.

    It reads fewer bytes a step and seldom disagrees, and nothing need be trained. Of a model that
    is split over ranks it is a copy of this rank's part, split as that is; neither may be packed.

    Raises:
        GroupError: layers that do not make whole groups of int4.
    """
    shared = itertools.chain(model.parameters(), model.buffers())
    draft = copy.deepcopy(model, {id(tensor): tensor for tensor in shared})
    draft.agree = whole  # ranks agree on all guesses of a pass at once (propose_and_verify)
    dtype = model.embed_tokens.weight.dtype

    def fewer_bits(linear: AnyLinear) -> nn.Module:
        weight = linear.weight if isinstance(linear, nn.Linear) else linear.dequantized().to(dtype)
        return how.linear(weight)

    for module in list(draft.modules()):
        for name, child in module.named_children():
            if isinstance(child, AnyLinear):
                setattr(module, name, fewer_bits(child))
    return draft
