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


# --- right, and wrong in known ways --------------------------------------------------------------


def over(visible: Callable[[int, int], bool]) -> Callable[[Tensor, int], Tensor]:
    """Weights of attention over the places s that ``visible(s, t)`` names."""

    def weigh(scores: Tensor, t: int) -> Tensor:
        seen = [s for s in range(scores.shape[-1]) if visible(s, t)]
        weights = torch.zeros_like(scores)
        if seen:
            weights[..., seen] = torch.softmax(scores[..., seen], dim=-1)
        return weights

    return weigh


def of_seen(weigh: Callable[[Tensor], Tensor]) -> Callable[[Tensor, int], Tensor]:
    """Weights that ``weigh`` makes of the scores [B, H, s] of places that are written."""

    def weights(scores: Tensor, t: int) -> Tensor:
        found = torch.zeros_like(scores)
        found[..., : t + 1] = weigh(scores[..., : t + 1])
        return found

    return weights


def afterwards(scores: Tensor, t: int) -> Tensor:
    weights = torch.softmax(scores, dim=-1)
    weights[..., t + 1 :] = 0
    return weights


def zero_is_no_mask(scores: Tensor, t: int) -> Tensor:
    hidden = scores.clone()
    hidden[..., t + 1 :] = 0
    return torch.softmax(hidden, dim=-1)


earlier = over(lambda s, t: s <= t)


@dataclass(frozen=True)
class Way:
    """How a step may be done: the right way, or a wrong one.

    Attributes:
        weigh: weights [B, H, S] from scores [B, H, S] and the position.
        scale: the power of D that scores are multiplied by.
        late, shared, swapped, still: the token is written after attention; all layers have the
            first one's cache; keys and values are exchanged; model.embed gets position 0.
        place: where the token at a position is written; None: nowhere.
        residual: ``finish`` gets x, and not zeros.
        side_by_side: every layer gets what model.embed gave.
        order: which layers are gone through: start, stop and step of a slice.
    """

    weigh: Callable[[Tensor, int], Tensor] = earlier
    scale: float = -0.5
    late: bool = False
    shared: bool = False
    swapped: bool = False
    still: bool = False
    place: Callable[[int], int] | None = lambda t: t
    residual: bool = True
    side_by_side: bool = False
    order: tuple[int | None, int | None, int | None] = (None, None, None)


RIGHT = Way()
MISTAKES = {
    "places that are not written take part: the mask is missing": Way(over(lambda s, t: True)),
    "the scores of hidden places are 0 and not -inf, and exp(0) is 1": Way(zero_is_no_mask),
    "a token sees itself too: place <= position": Way(over(lambda s, t: s < t)),
    "the mask is one too wide: the place after position is not written yet": Way(
        over(lambda s, t: s <= t + 1)
    ),
    "the mask is upside down: True is what may be seen": Way(over(lambda s, t: s > t)),
    "hide before the softmax: afterwards the weights no longer add up to 1": Way(afterwards),
    "the softmax is over a dimension of one: take the last one of [B, H, 1, S], the places": Way(
        of_seen(torch.ones_like)
    ),
    "the softmax is over the heads: take the last dimension of [B, H, 1, S], the places": Way(
        of_seen(lambda scores: torch.softmax(scores, dim=1))
    ),
    "there is no softmax: the scores themselves are the weights": Way(
        of_seen(lambda scores: scores)
    ),
    "the weights do not add up to 1: exp of the scores is divided by nothing": Way(
        of_seen(torch.exp)
    ),
    "every place has the same weight: the scores are not used": Way(
        of_seen(lambda scores: torch.full_like(scores, 1 / scores.shape[-1]))
    ),
    "the scores are not divided by sqrt(D)": Way(scale=0),
    "the scores are divided by D, not by its square root": Way(scale=-1),
    "write the token's own key and value first, and attend then": Way(late=True),
    "every layer has a cache of its own": Way(shared=True),
    "keys and values are exchanged": Way(swapped=True),
    "the token sees itself alone: attend to the cache, not to k and v": Way(
        over(lambda s, t: s == t)
    ),
    "with is_causal=True a single query sees place 0 alone: give it the mask": Way(
        over(lambda s, t: s == 0)
    ),
    "position goes into model.embed": Way(still=True),
    "update is never called: the cache stays as it was made": Way(place=None),
    "every token is written to place 0: position goes into update": Way(place=lambda t: 0),
    "x is lost: layer.finish(x, attended) adds what attention gave to the layer's own x": Way(
        residual=False
    ),
    "only the last layer counts, or every layer begins with the embedding: each gets the x of the "
    "one before, x = layer.finish(x, attended)": Way(side_by_side=True),
    "only the first layer counts: the loop ends too early": Way(order=(0, 1, None)),
    "the layers are gone through backwards": Way(order=(None, None, -1)),
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
            x = first = (
                model.weights["tokens"].double()[text[:, t]]
                + model.weights["places"].double()[0 if way.still else t]
            )
            for layer, own in list(zip(layers, caches, strict=True))[slice(*way.order)]:
                x = first if way.side_by_side else x
                attended = attention(model, layer, x, caches[0] if way.shared else own, t, way)
                x = (x if way.residual else 0) + attended @ layer["out"].double().T
            rows.append(unit(x) @ model.weights["head"].double().T)
        found.append(torch.stack(rows, dim=1))
    return found


def attention(
    model: Model,
    layer: dict[str, Tensor],
    x: Tensor,
    cache: tuple[Tensor, Tensor],
    t: int,
    way: Way,
) -> Tensor:
    """What x [B, dim] at position t gathers, [B, H * D]; it is written into the cache."""
    keys, values = cache
    parts = (unit(x) @ layer["qkv"].double().T).unflatten(1, (3, model.heads, -1))
    q, k, v = parts.unbind(1)  # [B, H, D] each

    def write() -> None:
        if way.place is not None:
            keys[:, :, way.place(t)], values[:, :, way.place(t)] = k, v

    if not way.late:
        write()
    looked, summed = (values, keys) if way.swapped else (keys, values)
    scores = (q[:, :, None] * looked).sum(-1) * model.size**way.scale
    attended = (way.weigh(scores, t)[..., None] * summed).sum(2)  # [B, H, D]
    if way.late:
        write()
    return attended.flatten(1)


# --- judging -------------------------------------------------------------------------------------

KEPT = "right at first, wrong later: nothing may be kept from step to step but the cache"
LEFT = "right in a new cache, wrong in a used one: hide what an earlier text left beyond position"


def drawn_texts(draw: Draw, model: Model, batch: int, lengths: list[int]) -> list[Tensor]:
    return [draw.integers(0, model.vocab - 1, batch, length) for length in lengths]


def fed(work: Work, model: Model, texts: list[Tensor]) -> list[Any]:
    """Their logits of each text, one after another in the same caches."""
    found = work.call("driver:fed", model.weights, model.heads, model.length, texts)
    if found["changed"]:
        name = found["changed"][0]
        hint = f"{name} belongs to the caller: make a new tensor, without += and operations with _"
        raise Wrong(f"decode changes the {name} that it is given", hint=hint)
    logits = pair(found["logits"], "decode", len(texts))
    for one, text in zip(logits, texts, strict=True):
        tensor(one, "the logits of all steps", [*text.shape, model.vocab])
    return logits


def fits(have: list[Tensor], model: Model, texts: list[Tensor], within: float) -> set[str]:
    """Mistakes that give these logits; a position 0 at which nothing is seen may be anything."""

    def says(way: Way) -> bool:
        made = logits_of(model, texts[: len(have)], way)
        return all(
            is_close(one[:, from_:], wrong[:, from_:], max(within, 1e-4))
            for one, wrong in zip(have, made, strict=True)
            for from_ in [int(bool(one[:, 0].isnan().any()))]
        )

    return {cause for cause, way in MISTAKES.items() if says(way)}


def told_apart(work: Work, causes: set[str], within: float) -> str | None:
    """Which of several mistakes it is, on texts that tell all of them apart; None if no single."""
    if len(causes) < 2:
        return next(iter(causes), None)
    model = drawn_model(work.draw, 10, 2, heads=4)
    texts = drawn_texts(work.draw, model, 2, [7, 4])
    found = work.call("driver:fed", model.weights, model.heads, model.length, texts)
    have = found["logits"]
    if not all(isinstance(one, Tensor) and one.dim() == 3 for one in have):
        return None
    left = causes & fits(have, model, texts, within)
    return left.pop() if len(left) == 1 else None


def same_logits(
    work: Work, actual: list[Tensor], model: Model, texts: list[Tensor], within: float = 1e-4
) -> None:
    """Raises Wrong, with the mistake that gives what they have, if there is one."""
    expected = logits_of(model, texts)
    for number, (have, want) in enumerate(zip(actual, expected, strict=True)):
        if is_close(have, want, within):
            continue
        off = ~((have.double() - want).abs() <= within * want.abs().max())
        row, place, token = (int(i) for i in off.nonzero()[off.nonzero()[:, 1].argmin()])
        causes = fits(actual[: number + 1], model, texts, within)
        hint = told_apart(work, causes, within)
        if hint is None and not causes and number:
            hint = why_later(work, model, texts[: number + 1], within)
        which = "" if len(texts) == 1 else f"text {number + 1}, "
        raise Wrong(
            f"{which}position {place}: the logits differ from attention without a cache",
            f"{want[row, place, token]:.5g} for token {token}",
            f"{have[row, place, token]:.5g}", hint,
        )  # fmt: skip


def why_later(work: Work, model: Model, texts: list[Tensor], within: float) -> str | None:
    """Why the last text goes wrong after the others went well: it is fed again, in new caches."""

    def alone(text: Tensor) -> bool:
        return is_close(fed(work, model, [text])[0], logits_of(model, [text])[0], within)

    try:
        if alone(texts[-1]):
            return LEFT
        return None if alone(texts[0]) else KEPT
    except Wrong:
        return None


def first_text(work: Work, batch: int, layers: int, spare: int) -> tuple[Model, list[Tensor]]:
    """Compare the logits of a text, in a new cache; returns what was compared."""
    draw = work.draw
    count = draw.integer(5, 8)
    model = drawn_model(draw, count + spare, layers, heads=draw.integer(4, 5))
    texts = drawn_texts(draw, model, batch, [count])
    same_logits(work, fed(work, model, texts), model, texts)
    return model, texts
