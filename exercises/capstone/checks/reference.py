"""The small Llama in fp64, all of the text in one pass: what is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw

CLEAR = 1e-4  # between the two best logits, in standard deviations: fp32 cannot confuse them
SLIPS = {
    "tiled": "head h belongs to key/value head h // (heads // kv_heads), not to h % kv_heads",
    "seen": "tokens of the prompt see those that come later: a mask is missing in prefill",
    "shifted": "a new token's position is off by one: the first stands at len(prompt)",
    "behind": "a new token's position is off by one: the first stands at len(prompt)",
    "overwritten": "the first new token is written over the last of the prompt in the cache: its "
    "place is off by one",
    "blind": "a new token does not see itself: its key and value go into the cache BEFORE it "
    "looks at it, and the place is counted in",
    "unscaled": "scores are divided by the root of the head's size",
    "neighbours": "RoPE turns elements i and i + D/2 together, not neighbours",
    "unturned": "keys of the prompt and of new tokens are both turned by RoPE, at their places",
}


@dataclass(frozen=True)
class Said:
    """The likeliest token at each place.

    Attributes:
        second: the second best.
        margins: how far the logit of the best is above that, in standard deviations.
    """

    tokens: list[int]
    second: list[int]
    margins: list[float]


def drawn_model(
    draw: Draw,
    heads: int,
    kv_heads: int,
    size: int,
    hidden: int,
    layers: int,
    vocab: int,
    eps: float = 1e-5,
) -> dict[str, Any]:
    """Random weights with which attention counts: what is said depends on all that was read."""
    dim = heads * size

    def matrix(rows: int, columns: int, gain: float = 1.0) -> Tensor:
        return draw.normal(rows, columns) * (gain / math.sqrt(columns))

    def near_one() -> Tensor:
        return 1 + 0.2 * draw.normal(dim)

    return {
        "embed": 0.4 * draw.normal(vocab, dim),
        "layers": [
            {
                "attention_norm": near_one(),
                "q": matrix(dim, dim, 1.5),
                "k": matrix(kv_heads * size, dim, 1.5),
                "v": matrix(kv_heads * size, dim),
                "o": matrix(dim, dim, 1.5),
                "mlp_norm": near_one(),
                "gate": matrix(hidden, dim),
                "up": matrix(hidden, dim),
                "down": matrix(dim, hidden),
            }
            for _ in range(layers)
        ],
        "norm": near_one(),
        "head": matrix(vocab, dim),
        "heads": heads,
        "kv_heads": kv_heads,
        "theta": float(draw.choice([1000.0, 10000.0, 50000.0])),
        "eps": eps,
    }


def lowered(model: dict[str, Any]) -> dict[str, Any]:
    """The same model, its weights rounded to bf16."""

    def rounded(value: Any) -> Any:
        return value.bfloat16() if isinstance(value, Tensor) else value

    layers = [{name: rounded(one) for name, one in layer.items()} for layer in model["layers"]]
    return {name: rounded(value) for name, value in model.items()} | {"layers": layers}


def right(model: dict[str, Any], prompt: list[int], new_tokens: int) -> list[int]:
    """What follows the prompt: all of the text anew for every token."""
    said: list[int] = []
    for _ in range(new_tokens):
        said.append(likeliest(model, prompt, [*said, 0]).tokens[-1])
    return said


def likeliest(model: dict[str, Any], prompt: list[int], said: list[int], slip: str = "") -> Said:
    """What should stand in the place of each token of ``said``, if those before it stand.

    Where that is ``said`` itself, it is what generating says, token by token: one pass shows it.
    With a ``slip``, what a typical mistake puts there.
    """
    logits = all_logits(model, [*prompt, *said[:-1]], len(prompt), slip)[len(prompt) - 1 :]
    first, second = logits.topk(2, dim=-1).indices.unbind(-1)
    return Said(first.tolist(), second.tolist(), margins(logits).tolist())


def margins(logits: Tensor) -> Tensor:
    """How far the largest of each row is above the second, in standard deviations."""
    best = logits.topk(2, dim=-1).values
    return (best[:, 0] - best[:, 1]) / logits.std(-1)


def all_logits(model: dict[str, Any], text: list[int], read: int, slip: str) -> Tensor:
    """Logits [T, vocab] after each token of ``text``, whose first ``read`` are the prompt."""
    place = torch.arange(len(text))
    new = place >= read
    allowed = place[:, None] >= place
    if slip == "seen":
        allowed = allowed | (~new[:, None] & ~new)
    if slip == "overwritten":
        allowed = allowed & ~(new[:, None] & (place == read - 1))
    if slip == "blind":
        allowed = allowed & ~(new[:, None] & (place[:, None] == place))
    where = place + new.long() * {"shifted": 1, "behind": -1}.get(slip, 0)
    return forward(model, text, where, allowed, slip)


def forward(
    model: dict[str, Any], tokens: list[int], where: Tensor, allowed: Tensor, slip: str = ""
) -> Tensor:
    """Logits [T, vocab] after each of ``tokens``, at places ``where`` [T].

    ``allowed`` [T, T] is True where the token of a row sees that of a column.
    """
    heads, kv_heads, eps = model["heads"], model["kv_heads"], model["eps"]
    x = model["embed"][tokens].double()
    owner = torch.arange(heads)
    owner = owner % kv_heads if slip == "tiled" else owner // (heads // kv_heads)
    for layer in model["layers"]:
        h = norm(x, layer["attention_norm"], eps)
        q, k, v = ((h @ layer[n].double().T).unflatten(1, (-1, x.shape[1] // heads)).transpose(0, 1)
                   for n in "qkv")  # fmt: skip
        q = turned(q, where, model["theta"], slip)
        k = k if slip == "unturned" else turned(k, where, model["theta"], slip)
        scores = q @ k[owner].mT / (1 if slip == "unscaled" else math.sqrt(q.shape[-1]))
        weights = scores.masked_fill(~allowed, -math.inf).softmax(-1)
        x = x + (weights @ v[owner]).transpose(0, 1).flatten(1) @ layer["o"].double().T
        h = norm(x, layer["mlp_norm"], eps)
        gate, up = h @ layer["gate"].double().T, h @ layer["up"].double().T
        x = x + (gate * gate.sigmoid() * up) @ layer["down"].double().T
    return norm(x, model["norm"], eps) @ model["head"].double().T


def norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt() * weight.double()


def turned(x: Tensor, where: Tensor, theta: float, slip: str) -> Tensor:
    half = x.shape[-1] // 2
    angles = where[:, None] * theta ** (-torch.arange(half, dtype=torch.float64) / half)
    pairs = (x[..., 0::2], x[..., 1::2]) if slip == "neighbours" else (x[..., :half], x[..., half:])
    a = pairs[0] * angles.cos() - pairs[1] * angles.sin()
    b = pairs[0] * angles.sin() + pairs[1] * angles.cos()
    return torch.stack([a, b], -1).flatten(-2) if slip == "neighbours" else torch.cat([a, b], -1)


def drawn_prompt(draw: Draw, model: dict[str, Any], length: int) -> list[int]:
    return draw.integers(0, len(model["embed"]) - 1, length).tolist()


def narrow_prompt(draw: Draw, model: dict[str, Any], length: int) -> list[int]:
    """A prompt of at most ``length`` tokens, after which two logits are nearly the same.

    fp32 tells them apart, and 16 bits probably not.
    """
    text = drawn_prompt(draw, model, length)
    after = margins(all_logits(model, text, length, ""))
    return text[: int(torch.where(after > CLEAR, after, math.inf).argmin()) + 1]


def narrow_at_second(draw: Draw, model: dict[str, Any], length: int, count: int) -> list[list[int]]:
    """``count`` prompts of at most ``length`` tokens: two logits nearly tie at the second new one.

    There the prompt comes out of the cache. All beginnings of one text are looked at in one pass:
    behind the text stand the first new tokens, each of which sees its own beginning, and itself.
    """
    text = drawn_prompt(draw, model, length)
    logits = all_logits(model, text, length, "")
    place = torch.arange(length)
    before = place[:, None] >= place
    none, itself = torch.zeros_like(before), place[:, None] == place
    allowed = torch.cat([torch.cat([before, none], 1), torch.cat([before, itself], 1)])
    both = [*text, *logits.argmax(-1).tolist()]
    second = margins(forward(model, both, torch.cat([place, place + 1]), allowed)[length:])
    clear = (second > CLEAR) & (margins(logits) > CLEAR)
    nearest = torch.where(clear, second, math.inf).argsort()[:count]
    return [text[: end + 1] for end in nearest.tolist()]
