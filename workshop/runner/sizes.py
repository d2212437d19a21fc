"""Bytes of weights and of KV caches, as they lie in memory on this rank."""

from __future__ import annotations

import torch

from workshop.llm.model import Llama


def stored(*modules: torch.nn.Module) -> int:
    """Bytes of modules' weights, or of caches, on this rank; shared tensors count once."""
    tables = {id(t) for m in modules if isinstance(m, Llama) for t in (m.cos, m.sin)}
    tensors = {id(t): t for module in modules for t in [*module.parameters(), *module.buffers()]}
    return sum(t.numel() * t.element_size() for i, t in tensors.items() if i not in tables)


def reads(model: Llama) -> int:
    """Bytes of weights that one decode pass reads on this rank: all but the embedding's table,

    of which one row is read; a tied head reads the whole of it, though.
    """
    embedding = model.embed_tokens.weight
    if model.lm_head.weight is embedding:
        return stored(model)
    return stored(model) - embedding.numel() * embedding.element_size()
