"""The small Llama in fp64, all of the text in one pass: what is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw

THETAS = (1000.0, 10000.0, 50000.0)
CLEAR = 1e-4  # between the two best logits, in standard deviations: fp32 cannot confuse them


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
    theta: float | None = None,
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
        "theta": theta or float(draw.choice(THETAS)),
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
    if slip == "reversed":
        text = [*reversed(text[:read]), *text[read:]]
    place = torch.arange(len(text))
    new = place >= read
    where = {
        "shifted": place + new.long(),
        "behind": place - new.long(),
        "standing": place.clamp(max=read),
        "from zero": torch.where(new, place - read, place),
    }.get(slip, place)
    return forward(model, text, where, visible(place, new, read, slip), slip, read)


def visible(place: Tensor, new: Tensor, read: int, slip: str) -> Tensor:
    """[T, T], True where the token of a row sees that of a column."""
    before, itself = place[:, None] >= place, place[:, None] == place
    row = new[:, None]
    return {
        "seen": before | (~row & ~new),
        "overwritten": before & ~(row & (place == read - 1)),
        "blind": before & ~(row & itself),
        "first alone": torch.where(row, place == 0, before),
        "forgotten": before & ~(row & new & ~itself),
        "alone": torch.where(row, itself, before),
    }.get(slip, before)


SHORT = {
    "bf16 cache": torch.bfloat16,
    "bf16 cache at once": torch.bfloat16,
    "fp16 cache": torch.float16,
}
ACTIVATIONS = {
    "gelu": lambda gate, up: torch.nn.functional.gelu(gate) * up,
    "relu": lambda gate, up: gate.relu() * up,
    "sigmoid": lambda gate, up: gate.sigmoid() * up,
    "linear": lambda gate, up: gate * up,
    "of product": lambda gate, up: gate * up * (gate * up).sigmoid(),
}


def forward(
    model: dict[str, Any],
    tokens: list[int],
    where: Tensor,
    allowed: Tensor,
    slip: str = "",
    read: int = 0,
) -> Tensor:
    """Logits [T, vocab] after each of ``tokens``, at places ``where`` [T].

    ``allowed`` [T, T] is True where the token of a row sees that of a column; the first ``read``
    tokens are the prompt.
    """
    eps = model["eps"]
    new = torch.arange(len(tokens)) >= read
    x = model["embed"][tokens].double()
    activated = ACTIVATIONS.get(slip, lambda gate, up: gate * gate.sigmoid() * up)
    for layer in model["layers"]:
        first = x
        h = x if slip == "raw attention" else norm(x, layer["attention_norm"], eps, slip)
        added = attention(model, layer, h, where, allowed, new, slip)
        x = added if slip == "one residual" else x + added
        fed = first if slip == "side by side" else x
        h = fed if slip == "raw mlp" else norm(fed, layer["mlp_norm"], eps, slip)
        gate, up = h @ layer["gate"].double().T, h @ layer["up"].double().T
        added = activated(gate, up) @ layer["down"].double().T
        x = added if slip == "no mlp residual" else x + added
    return norm(x, model["norm"], eps, slip) @ model["head"].double().T


def attention(
    model: dict[str, Any],
    layer: dict[str, Tensor],
    h: Tensor,
    where: Tensor,
    allowed: Tensor,
    new: Tensor,
    slip: str,
) -> Tensor:
    """What the tokens with normed vectors h [T, dim] gather, [T, dim]."""
    heads, kv_heads = model["heads"], model["kv_heads"]
    owner = torch.arange(heads)
    owner = owner % kv_heads if slip == "tiled" else owner // (heads // kv_heads)
    q, k, v = ((h @ layer[n].double().T).unflatten(1, (-1, h.shape[1] // heads)).transpose(0, 1)
               for n in "qkv")  # fmt: skip
    if slip != "no rope":
        q = turned(q, where, model["theta"], slip)
        k = k if slip == "unturned" else turned(k, where, model["theta"], slip)
        v = turned(v, where, model["theta"], slip) if slip == "values turned" else v
    power = {"unscaled": 0.0, "scaled twice": 1.0}.get(slip, 0.5)

    def gathered(k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k[owner].mT / q.shape[-1] ** power
        weights = scores.masked_fill(~allowed, -math.inf).softmax(-1)
        return (weights @ v[owner]).transpose(0, 1).flatten(1)

    found = gathered(k, v)
    if slip in SHORT:  # what new tokens find in the cache, or all tokens
        rows = torch.ones_like(new) if slip.endswith("at once") else new
        short = gathered(*(one.float().to(SHORT[slip]).double() for one in (k, v)))
        found = torch.where(rows[:, None], short, found)
    return found @ layer["o"].double().T


def norm(x: Tensor, weight: Tensor, eps: float, slip: str = "") -> Tensor:
    if slip == "centred":
        x = x - x.mean(-1, keepdim=True)
    square = x.pow(2).mean(-1, keepdim=True)
    root = square.sqrt() + eps if slip == "outside" else (square + eps).sqrt()
    return x / root * weight.double()


def turned(x: Tensor, where: Tensor, theta: float, slip: str) -> Tensor:
    half = x.shape[-1] // 2
    steps = torch.arange(half, dtype=torch.float64) / (2 * half if slip == "slow" else half)
    angles = where[:, None] * theta**-steps * (-1 if slip == "backwards" else 1)
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
