"""Hugging Face's transformers, as its documentation has it used, with a model's very weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from contender import Generate
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from workshop.llm.model import Llama
from workshop.llm.weights.checkpoint import on_disk


class Ticker:
    """A streamer: generate() gives it the prompt first, and then every token as it comes."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self.ticks = itertools.chain([lambda: None], itertools.repeat(tick))

    def put(self, value: torch.Tensor) -> None:
        next(self.ticks)()

    def end(self) -> None:
        pass


def with_weights_of(model: Llama) -> LlamaForCausalLM:
    """Their model with the same tensors; ours must be neither merged nor quantised."""
    shape = model.config.to_hugging_face() | {"attn_implementation": "sdpa"}
    with torch.device("meta"):
        theirs: Any = LlamaForCausalLM(LlamaConfig(**shape))
    weights = {on_disk(name): value for name, value in model.state_dict().items()}
    theirs.load_state_dict(weights, assign=True)
    table: nn.Module = theirs.model.rotary_emb
    theirs.model.rotary_emb = type(table)(theirs.config)  # computed, and stored in no checkpoint
    return theirs.to(model.embed_tokens.weight.device).eval()


def transformers(theirs: LlamaForCausalLM, static: bool) -> Generate:
    """generate(), eager with its growing cache, or with a static one, which it then compiles."""
    device = next(theirs.parameters()).device

    def generate(prompt: list[int], new: int, tick: Callable[[], None]) -> int:
        tokens = torch.tensor([prompt], device=device)
        more: dict[str, Any] = {"cache_implementation": "static"} if static else {}
        out: Any = theirs.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=new,
            min_new_tokens=new,
            do_sample=False,
            pad_token_id=0,
            streamer=Ticker(tick),  # type: ignore[arg-type]
            **more,
        )
        return out.shape[1] - len(prompt)

    return generate
