"""The small Llama, fast: what is the same for every token is done once."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@torch.inference_mode()
def prepare(weights: dict[str, Any]) -> dict[str, Any]:
    """fp32 throughout; q, k and v in one product, gate and up in another."""
    layers = [
        {
            "attention_norm": layer["attention_norm"],
            "qkv": torch.cat([layer["q"], layer["k"], layer["v"]]),
            "o": layer["o"],
            "mlp_norm": layer["mlp_norm"],
            "gate_up": torch.cat([layer["gate"], layer["up"]]),
            "down": layer["down"],
        }
        for layer in weights["layers"]
    ]
    size = weights["layers"][0]["q"].shape[0] // weights["heads"]
    return {**weights, "layers": layers, "size": size}


@torch.inference_mode()
def generate(model: dict[str, Any], prompt: list[int], new_tokens: int) -> list[int]:
    length = len(prompt) + new_tokens
    rope = table(model, length)
    shape = (len(model["layers"]), 2, model["kv_heads"], length, model["size"])
    cache = torch.empty(shape)  # of this call alone
    token = step(model, torch.tensor(prompt), 0, rope, cache)
    tokens = [token]
    for place in range(len(prompt), length - 1):
        token = step(model, token, place, rope, cache)
        tokens.append(token)
    return torch.cat(tokens).tolist()


def table(model: dict[str, Any], length: int) -> tuple[Tensor, Tensor]:
    """cos and sin, [length, D] each, once for all layers; in fp64, as angles are large."""
    half = model["size"] // 2
    frequencies = model["theta"] ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    sin = angles.sin()
    return angles.cos().repeat(1, 2).float(), torch.cat([-sin, sin], dim=1).float()


def step(
    model: dict[str, Any], tokens: Tensor, start: int, rope: tuple[Tensor, Tensor], cache: Tensor
) -> Tensor:
    """The token [1] after ``tokens`` [T], which stand at ``start`` and after; fills the cache."""
    end = start + len(tokens)
    cos, sin = rope[0][start:end], rope[1][start:end]
    eps, heads, kv_heads = model["eps"], model["heads"], model["kv_heads"]
    x = model["embed"][tokens]
    dim = (x.shape[1],)
    for layer, kept in zip(model["layers"], cache, strict=True):
        normed = F.rms_norm(x, dim, layer["attention_norm"], eps)
        qkv = F.linear(normed, layer["qkv"]).unflatten(1, (-1, model["size"])).transpose(0, 1)
        rotated, v = qkv[: heads + kv_heads], qkv[heads + kv_heads :]  # [heads, T, D]
        rotated = rotated * cos + rotated.roll(model["size"] // 2, -1) * sin
        kept[0, :, start:end] = rotated[heads:]
        kept[1, :, start:end] = v
        attended = F.scaled_dot_product_attention(
            rotated[None, :heads],
            kept[None, 0, :, :end],
            kept[None, 1, :, :end],
            is_causal=start == 0,
            enable_gqa=True,
        )
        x = x + F.linear(attended[0].transpose(0, 1).flatten(1), layer["o"])
        normed = F.rms_norm(x, dim, layer["mlp_norm"], eps)
        gate, up = F.linear(normed, layer["gate_up"]).chunk(2, dim=1)
        x = x + F.linear(F.silu(gate) * up, layer["down"])
    last = F.rms_norm(x[-1:], dim, model["norm"], eps)  # only the last token is asked
    return F.linear(last, model["head"]).argmax(-1)
