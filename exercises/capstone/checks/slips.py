"""Typical mistakes in a Llama, as changed models or other ways to run one, each with its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Model = dict[str, Any]

PRECISION = (
    "that is what a cache in 16 bits says: is the precision lowered? fp32 tells apart what 16 bits "
    "do not"
)
# In how the text is run through: see reference.py.
RUN = {
    "tiled": "head h belongs to key/value head h // (heads // kv_heads), not to h % kv_heads",
    "seen": "tokens of the prompt see those that come later: a mask is missing in prefill",
    "shifted": "a new token's position is off by one: the first stands at len(prompt)",
    "behind": "a new token's position is off by one: the first stands at len(prompt)",
    "standing": "every new token stands at len(prompt): its position goes on by one each time",
    "from zero": "new tokens stand at 0, 1, 2, ...: the first one stands at len(prompt)",
    "overwritten": "the first new token is written over the last of the prompt in the cache: its "
    "place is off by one",
    "blind": "a new token does not see itself: its key and value go into the cache BEFORE it "
    "looks at it, and the place is counted in",
    "first alone": "a new token sees the first place alone: is_causal=True with one query",
    "forgotten": "new tokens do not see the new ones before them: their keys and values go into "
    "the cache, too",
    "alone": "a new token sees itself alone: it has to look at the cache",
    "unscaled": "scores are divided by the root of the head's size",
    "scaled twice": "scores are divided by the head's size, and not by its root",
    "neighbours": "RoPE turns elements i and i + D/2 together, not neighbours",
    "unturned": "keys of the prompt and of new tokens are both turned by RoPE, at their places",
    "no rope": "RoPE is missing: queries and keys are turned, each at its place",
    "backwards": "RoPE turns the other way: first * cos - second * sin, first * sin + second * cos",
    "slow": "RoPE's frequencies are theta ** (-i / (D/2)), for i from 0 to D/2 - 1",
    "values turned": "RoPE turns queries and keys, not values",
    "gelu": "the activation is silu: gate * sigmoid(gate), not gelu",
    "relu": "the activation is silu: gate * sigmoid(gate), not relu",
    "sigmoid": "the activation is silu: gate * sigmoid(gate), not sigmoid(gate) alone",
    "linear": "the activation is missing: silu of gate is multiplied by up",
    "of product": "silu is taken of gate alone, not of gate * up",
    "centred": "RMSNorm does not subtract the mean: that is LayerNorm",
    "outside": "eps is added under the root: sqrt(mean + eps)",
    "raw attention": "the norm before attention is missing",
    "raw mlp": "the norm before the MLP is missing",
    "one residual": "x is added to what attention gives",
    "no mlp residual": "x is added to what the MLP gives",
    "side by side": "the MLP reads x AFTER attention was added to it",
    "bf16 cache": PRECISION,
    "bf16 cache at once": PRECISION,
    "fp16 cache": PRECISION,
    "reversed": "the prompt is read from its end",
}  # fmt: skip


def with_layers(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]],
) -> Callable[[Model], Model]:
    return lambda model: {**model, "layers": [layer | change(layer) for layer in model["layers"]]}


def ones(*names: str) -> Callable[[Model], Model]:
    return with_layers(lambda layer: {name: torch.ones_like(layer[name]) for name in names})


def swapped(one: str, other: str) -> Callable[[Model], Model]:
    return with_layers(lambda layer: {one: layer[other], other: layer[one]})


def setting(name: str, value: float) -> Callable[[Model], Model]:
    return lambda model: {**model, name: value}


def layers(pick: Callable[[list[Any]], list[Any]]) -> Callable[[Model], Model]:
    return lambda model: {**model, "layers": pick(model["layers"])}


EPS, THETA = "eps is the model's own: weights['eps']", "theta is the model's own: weights['theta']"
# What to say, and the model with which it is run.
CHANGED: list[tuple[str, Callable[[Model], Model]]] = [
    *((EPS, setting("eps", eps)) for eps in (0.0, 1e-12, 1e-8, 1e-6, 1e-5, 1e-3)),
    *((THETA, setting("theta", theta)) for theta in (1e3, 1e4, 5e4, 5e5)),
    ("the last norm, before the head, is missing, or its weight",
     lambda model: {**model, "norm": torch.ones_like(model["norm"])}),
    ("the weight of the norm before attention is missing", ones("attention_norm")),
    ("the weight of the norm before the MLP is missing", ones("mlp_norm")),
    ("the weights of the norms in the layers are missing", ones("attention_norm", "mlp_norm")),
    ("attention_norm and mlp_norm are exchanged", swapped("attention_norm", "mlp_norm")),
    ("gate and up are exchanged: silu is taken of gate", swapped("gate", "up")),
    ("keys and values are exchanged", swapped("k", "v")),
    ("the last layer is missing", layers(lambda every: every[:-1])),
    ("the first layer is missing", layers(lambda every: every[1:])),
    ("every layer has the first one's weights", layers(lambda every: every[:1] * len(every))),
    ("the layers are gone through backwards", layers(lambda every: every[::-1])),
    ("the weight of the head is head, not embed", lambda model: {**model, "head": model["embed"]}),
]  # fmt: skip
