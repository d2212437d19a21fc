"""Little models that nobody has seen, and their logits: right, and wrong in known ways."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Work, Wrong, is_close, pair, tensor


@dataclass(frozen=True)
class Model:
    """Weights, and how large everything is."""

    weights: dict[str, Any]
    heads: int
    size: int
    vocab: int
    length: int


def drawn_model(draw: Draw, length: int, layers: int, heads: int | None = None) -> Model:
    heads, size, vocab = heads or draw.integer(2, 4), draw.choice([4, 6, 8]), draw.integer(11, 30)
    dim = heads * size
    scale = dim**-0.5
    weights = {
        "tokens": draw.normal(vocab, dim),
        "head": draw.normal(vocab, dim),
        "places": draw.normal(length, dim),
        "layers": [
            {
                "qkv": 1.5 * scale * draw.normal(3 * dim, dim),
                "out": 1.5 * scale * draw.normal(dim, dim),
            }
            for _ in range(layers)
        ],
    }
    return Model(weights, heads, size, vocab, length)


def over(visible: Callable[[int, int], bool]) -> Callable[[Tensor, int], Tensor]:
    """Weights of attention over the places s that ``visible(s, t)`` names."""

    def weigh(scores: Tensor, t: int) -> Tensor:
        seen = [s for s in range(scores.shape[-1]) if visible(s, t)]
        weights = torch.zeros_like(scores)
        if seen:
            weights[..., seen] = torch.softmax(scores[..., seen], dim=-1)
        return weights

    return weigh


def afterwards(scores: Tensor, t: int) -> Tensor:
    weights = torch.softmax(scores, dim=-1)
    weights[..., t + 1 :] = 0
    return weights


earlier = over(lambda s, t: s <= t)


@dataclass(frozen=True)
class Way:
    """How a step may be done: the right way, or a wrong one."""

    weigh: Callable[[Tensor, int], Tensor] = earlier
    scale: float = -0.5  # the power of D that scores are multiplied by
    late: bool = False
    shared: bool = False
    swapped: bool = False
    still: bool = False


RIGHT = Way()
MISTAKES = {
    "places that are not written take part: the mask is missing, or makes their scores 0 and not "
    "-inf, and exp(0) is 1": Way(over(lambda s, t: True)),
    "a token sees itself too: place <= position": Way(over(lambda s, t: s < t)),
    "the mask is one too wide: the place after position is not written yet": Way(
        over(lambda s, t: s <= t + 1)
    ),
    "the mask is upside down: True is what may be seen": Way(over(lambda s, t: s > t)),
    "hide before the softmax: afterwards the weights no longer add up to 1": Way(afterwards),
    "the scores are not divided by sqrt(D)": Way(scale=0),
    "the scores are divided by D, not by its square root": Way(scale=-1),
    "write the token's own key and value first, and attend then": Way(late=True),
    "every layer has a cache of its own": Way(shared=True),
    "keys and values are exchanged": Way(swapped=True),
    "the token sees itself alone: attend to the cache, not to k and v": Way(
        over(lambda s, t: s == t)
    ),
    "position goes into model.embed": Way(still=True),
}


def unit(x: Tensor) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()


def logits_of(model: Model, texts: list[Tensor], way: Way = RIGHT) -> list[Tensor]:
    """Logits [B, T, vocab] of each text [B, T], in fp64, one place after another."""
    layers = model.weights["layers"]
    batch = texts[0].shape[0]
    shape = (batch, model.heads, model.length, model.size)
    caches = [(torch.zeros(shape).double(), torch.zeros(shape).double()) for _ in layers]
    found = []
    for text in texts:
        rows = []
        for t in range(text.shape[1]):
            x = model.weights["tokens"].double()[text[:, t]]
            x = x + model.weights["places"].double()[0 if way.still else t]
            for layer, own in zip(layers, caches, strict=True):
                keys, values = caches[0] if way.shared else own
                parts = (unit(x) @ layer["qkv"].double().T).unflatten(1, (3, model.heads, -1))
                q, k, v = parts.unbind(1)  # [B, H, D] each
                if not way.late:
                    keys[:, :, t], values[:, :, t] = k, v
                looked, summed = (values, keys) if way.swapped else (keys, values)
                scores = (q[:, :, None] * looked).sum(-1) * model.size**way.scale
                weights = way.weigh(scores, t)
                attended = (weights[..., None] * summed).sum(2)  # [B, H, D]
                keys[:, :, t], values[:, :, t] = k, v
                x = x + attended.flatten(1) @ layer["out"].double().T
            rows.append(unit(x) @ model.weights["head"].double().T)
        found.append(torch.stack(rows, dim=1))
    return found


def drawn_texts(draw: Draw, model: Model, batch: int, lengths: list[int]) -> list[Tensor]:
    return [draw.integers(0, model.vocab - 1, batch, length) for length in lengths]


KEPT = "right at first, wrong later: nothing may be kept from step to step but the cache"


def same_logits(actual: Any, model: Model, texts: list[Tensor], within: float = 1e-4) -> None:
    """Raises Wrong, with the mistake that gives what they have, if there is one."""
    expected = logits_of(model, texts)
    found = pair(actual, "decode", len(texts))
    for number, (have, want) in enumerate(zip(found, expected, strict=True)):
        have = tensor(have, "the logits of all steps", want.shape)
        if is_close(have, want, within):
            continue
        largest = want.abs().max()
        off = ~((have.double() - want).abs() <= within * largest)
        row, place, token = (int(i) for i in off.nonzero()[off.nonzero()[:, 1].argmin()])
        hint = KEPT if number else None  # the first went well
        for cause, way in MISTAKES.items():
            wrong = logits_of(model, texts[: number + 1], way)[number]
            if is_close(have[:, 1:], wrong[:, 1:], max(within, 1e-4)):
                hint = cause
                break
        which = "" if len(texts) == 1 else f"text {number + 1}, "
        raise Wrong(
            f"{which}position {place}: the logits differ from attention without a cache",
            f"{want[row, place, token]:.5g} for token {token}",
            f"{have[row, place, token]:.5g}", hint,
        )  # fmt: skip


def first_text(work: Work, batch: int, layers: int, spare: int) -> None:
    """Compare the logits of a text, in a new cache."""
    draw = work.draw
    count = draw.integer(5, 8)
    model = drawn_model(draw, count + spare, layers, heads=draw.integer(4, 5))
    texts = drawn_texts(draw, model, batch, [count])
    found = work.call("driver:fed", model.weights, model.heads, model.length, texts)
    if isinstance(found["logits"][0], Tensor) and found["logits"][0].isnan().any():
        place = int(found["logits"][0].isnan().any(2).any(0).nonzero()[0])
        hint = "a softmax over nothing is nan: a token sees at least itself"
        raise Wrong(f"position {place}: the logits are nan", "numbers", "nan", hint)
    same_logits(found["logits"], model, texts)
