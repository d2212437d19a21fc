"""A small Llama that works, and is slow. Make it fast; its output must not change.

The model is a dict of fp32 tensors and numbers:

    embed [vocab, dim]   norm [dim]   head [vocab, dim]   heads   kv_heads   theta   eps
    layers: a list of dicts
        attention_norm [dim]   q [heads * D, dim]   k, v [kv_heads * D, dim]   o [dim, heads * D]
        mlp_norm [dim]         gate, up [hidden, dim]                          down [dim, hidden]

``prepare`` and ``generate`` are called; all else is yours to change, or to throw away.
"""

import math
from typing import Any

import torch
from torch import Tensor


def prepare(weights: dict[str, Any]) -> Any:
    """Whatever ``generate`` is to be given as its model. Not timed, and called once for a model."""
    return weights


def generate(model: Any, prompt: list[int], new_tokens: int) -> list[int]:
    """The tokens that follow ``prompt``, each the likeliest: ``new_tokens`` of them, 1 or more.

    Args:
        model: what ``prepare`` has made of the weights.
        prompt: token ids, 1 or more, of any number; is not changed.
    """
    text = list(prompt)
    for _ in range(new_tokens):
        logits = forward(model, text)
        text.append(int(logits[-1].argmax()))
    return text[len(prompt) :]


def forward(weights: dict[str, Any], text: list[int]) -> Tensor:
    """Logits [T, vocab] of the token after each of the T tokens of ``text``."""
    x = torch.stack([weights["embed"].double()[token] for token in text])
    for layer in weights["layers"]:
        x = x + attention(weights, layer, rms_norm(x, layer["attention_norm"], weights["eps"]))
        x = x + mlp(layer, rms_norm(x, layer["mlp_norm"], weights["eps"]))
    return rms_norm(x, weights["norm"], weights["eps"]) @ weights["head"].double().T


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x / torch.sqrt((x * x).mean(dim=-1, keepdim=True) + eps) * weight.double()


def attention(weights: dict[str, Any], layer: dict[str, Tensor], x: Tensor) -> Tensor:
    """What the tokens x [T, dim] gather from those before them, one head after another."""
    heads, shared = weights["heads"], weights["heads"] // weights["kv_heads"]
    size = layer["q"].shape[0] // heads
    gathered = []
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        kv = slice(head // shared * size, (head // shared + 1) * size)
        q = rotate(x @ layer["q"].double()[own].T, weights["theta"])
        k = rotate(x @ layer["k"].double()[kv].T, weights["theta"])
        v = x @ layer["v"].double()[kv].T
        scores = q @ k.T / math.sqrt(size)
        for place in range(len(scores)):
            scores[place, place + 1 :] = -math.inf  # no token sees those after it
        gathered.append(torch.softmax(scores, dim=-1) @ v)
    return torch.cat(gathered, dim=-1) @ layer["o"].double().T


def rotate(x: Tensor, theta: float) -> Tensor:
    """RoPE: x [T, D], of which elements i and i + D/2 are turned together, by place * frequency."""
    length, half = x.shape[0], x.shape[1] // 2
    angles = [place * theta ** (-i / half) for place in range(length) for i in range(half)]
    table = torch.tensor(angles, dtype=torch.float64).view(length, half)
    first, second = x[:, :half], x[:, half:]
    turned = first * table.cos() - second * table.sin()
    return torch.cat([turned, first * table.sin() + second * table.cos()], dim=-1)


def mlp(layer: dict[str, Tensor], x: Tensor) -> Tensor:
    """SwiGLU."""
    gate, up = x @ layer["gate"].double().T, x @ layer["up"].double().T
    return (gate * torch.sigmoid(gate) * up) @ layer["down"].double().T
