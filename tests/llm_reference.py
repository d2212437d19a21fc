"""A Llama written to be read, not to be fast: float64, one head and one position at a time.

It follows the papers (Llama, https://arxiv.org/abs/2302.13971; RMSNorm, 1910.07467; RoPE,
2104.09864; GQA, 2305.13245; SwiGLU, 2002.05202) with loops, and shares no code with the engine.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from workshop.llm.config import Config

Array = NDArray[np.float64]


def norm(x: Array, weight: Array, eps: float) -> Array:
    return weight * x / math.sqrt(sum(v * v for v in x) / len(x) + eps)


def turn(head: Array, position: int, theta: float) -> Array:
    """Turn the pairs (i, i + D/2) of a head's vector by angles that grow with the position."""
    half = len(head) // 2
    out = head.copy()
    for i in range(half):
        angle = position / theta ** (2 * i / len(head))
        a, b = head[i], head[i + half]
        out[i] = a * math.cos(angle) - b * math.sin(angle)
        out[i + half] = a * math.sin(angle) + b * math.cos(angle)
    return out


def softmax(scores: list[float]) -> list[float]:
    top = max(scores)
    powers = [math.exp(s - top) for s in scores]
    return [p / sum(powers) for p in powers]


def silu(x: Array) -> Array:
    return np.array([v / (1 + math.exp(-v)) for v in x])


def heads_of(x: Array, size: int) -> list[Array]:
    return [x[start : start + size] for start in range(0, len(x), size)]


def attention(config: Config, weights: dict[str, Array], name: str, xs: list[Array]) -> list[Array]:
    """What each position takes from itself and from those before it."""
    size, theta = config.head_dim, config.rope_theta
    queries, keys, values = [], [], []
    for position, x in enumerate(xs):
        q = heads_of(weights[f"{name}.q_proj.weight"] @ x, size)
        k = heads_of(weights[f"{name}.k_proj.weight"] @ x, size)
        queries.append([turn(head, position, theta) for head in q])
        keys.append([turn(head, position, theta) for head in k])
        values.append(heads_of(weights[f"{name}.v_proj.weight"] @ x, size))
    out = []
    for position in range(len(xs)):
        heads = []
        for head in range(config.heads):
            shared = head * config.kv_heads // config.heads
            scores = [
                float(queries[position][head] @ keys[earlier][shared]) / math.sqrt(size)
                for earlier in range(position + 1)
            ]
            mixed = np.zeros(size)
            for earlier, share in enumerate(softmax(scores)):
                mixed += share * values[earlier][shared]
            heads.append(mixed)
        out.append(weights[f"{name}.o_proj.weight"] @ np.concatenate(heads))
    return out


def mlp(weights: dict[str, Array], name: str, x: Array) -> Array:
    gate = silu(weights[f"{name}.gate_proj.weight"] @ x)
    return weights[f"{name}.down_proj.weight"] @ (gate * (weights[f"{name}.up_proj.weight"] @ x))


def logits(config: Config, weights: dict[str, Array], tokens: list[int]) -> Array:
    """Logits [T, vocab]; ``weights`` have the names of a Hugging Face checkpoint."""
    eps = config.norm_eps
    xs = [weights["model.embed_tokens.weight"][token] for token in tokens]
    for layer in range(config.layers):
        block = f"model.layers.{layer}"
        normed = [norm(x, weights[f"{block}.input_layernorm.weight"], eps) for x in xs]
        taken = attention(config, weights, f"{block}.self_attn", normed)
        xs = [x + t for x, t in zip(xs, taken, strict=True)]
        after = weights[f"{block}.post_attention_layernorm.weight"]
        xs = [x + mlp(weights, f"{block}.mlp", norm(x, after, eps)) for x in xs]
    head = weights["model.embed_tokens.weight" if config.tied else "lm_head.weight"]
    return np.array([head @ norm(x, weights["model.norm.weight"], eps) for x in xs])
