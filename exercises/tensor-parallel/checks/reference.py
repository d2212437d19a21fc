"""One layer on several ranks in fp64, slowly: the right way, and the usual wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Wrong

from .exchanges import EXCHANGES, MISSING, counted, exchanged
from .layers import Layer


@dataclass(frozen=True)
class Way:
    """How a layer may be done: the right way, or a wrong one.

    Attributes:
        attention, mlp: how the parts of each are exchanged.
        inside: the residual is added before the exchange: after attention, after the MLP.
        kept: the residual is added at all: after attention, after the MLP.
        normed: before attention, before the MLP.
        late: what attention gave is exchanged with what the MLP gave, and not before.
        side_by_side: the MLP reads what attention read.
        unit_kept: unit(x) is added to what attention and MLP give, and not x.
        gated: what is made of gate and up: one of GATED.
        keys_for_values: k is taken for v, or v for k.
    """

    attention: str = "sum"
    mlp: str = "sum"
    inside: tuple[bool, bool] = (False, False)
    kept: tuple[bool, bool] = (True, True)
    normed: tuple[bool, bool] = (True, True)
    late: bool = False
    side_by_side: bool = False
    gated: str = "silu"
    unit_kept: bool = False
    keys_for_values: bool = False


def silu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


# What the MLP makes of gate and up, and what to say where it is not the first.
GATED: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str]] = {
    "silu": (lambda gate, up: silu(gate) * up, ""),
    "of up": (lambda gate, up: gate * silu(up), "silu is taken of gate, not of up"),
    "of both": (
        lambda gate, up: silu(gate * up),
        "silu is taken of gate alone, and multiplied by up: not of their product",
    ),
    "of each": (
        lambda gate, up: silu(gate) * silu(up),
        "silu is taken of gate alone: up is multiplied as it is",
    ),
    "of sum": (lambda gate, up: silu(gate + up), "silu of gate is multiplied by up: not their sum"),
    "added": (
        lambda gate, up: silu(gate) + up,
        "silu of gate is multiplied by up, not added to it",
    ),
    "none": (lambda gate, up: gate * up, "silu is missing: it is taken of gate"),
    "no up": (lambda gate, up: silu(gate), "up is missing: silu of gate is multiplied by it"),
    "sigmoid": (
        lambda gate, up: torch.sigmoid(gate) * up,
        "silu(gate) is gate * sigmoid(gate): sigmoid alone is no silu",
    ),
    "relu": (lambda gate, up: gate.relu() * up, "relu is taken where silu is asked for"),
    "gelu": (
        lambda gate, up: torch.nn.functional.gelu(gate) * up,
        "gelu is taken where silu is asked for",
    ),
}
RIGHT = Way()
INSIDE = (
    "x is added before the all-reduce, on every rank: its sum has x once for each rank. Add up "
    "what the ranks computed, then add x"
)
LATE = "the MLP needs the whole x: without an all-reduce after o, each rank feeds it a part"


def mistakes() -> list[tuple[Way, str]]:
    found = []
    for how, hint in EXCHANGES.items():
        found += [
            (Way(attention=how), f"after attention (o): {hint}"),
            (Way(mlp=how), f"after the MLP (down): {hint}"),
            (Way(attention=how, mlp=how), f"after attention and after the MLP: {hint}"),
        ]
    found += [
        (Way(inside=(True, True)), INSIDE),
        (Way(inside=(True, False)), f"after attention: {INSIDE}"),
        (Way(inside=(False, True)), f"after the MLP: {INSIDE}"),
        (Way(attention="none", inside=(False, True)), f"{LATE}; and at the end x is added up too"),
        (Way(late=True), LATE),
        (Way(side_by_side=True), "the MLP reads x AFTER attention was added to it"),
        (Way(kept=(False, True)), "x is not added to what attention gives"),
        (Way(kept=(True, False)), "x is not added to what the MLP gives"),
        (Way(kept=(False, False)), "x is not added to what attention and MLP give"),
        (Way(normed=(False, True)), "unit(x) goes into attention, not x"),
        (Way(normed=(True, False)), "unit(x) goes into the MLP, not x"),
        (Way(normed=(False, False)), "unit(x) goes into attention and the MLP, not x"),
        (Way(unit_kept=True), "x itself is added to what attention and MLP give, not unit(x)"),
        (Way(keys_for_values=True), "keys and values are exchanged in attend"),
    ]
    found += [(Way(gated=how), hint) for how, (_, hint) in GATED.items() if hint]
    return found


def unit(x: Tensor) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()


def attended(h: Tensor, part: dict[str, Tensor], size: int, way: Way) -> Tensor:
    """[T, heads * D], one token after the other."""
    q, k, v = ((h @ part[name].double().T).unflatten(1, (-1, size)) for name in "qkv")
    k, v = (v, k) if way.keys_for_values else (k, v)
    looked = [head // (q.shape[1] // k.shape[1]) for head in range(q.shape[1])]
    k, v = k[:, looked], v[:, looked]  # [T, heads, D], as q
    rows = []
    for t in range(h.shape[0]):
        scores = (k[: t + 1] * q[t]).sum(2) / size**0.5  # [t + 1, heads]
        rows.append((torch.softmax(scores, dim=0)[:, :, None] * v[: t + 1]).sum(0))
    return torch.stack(rows).flatten(1)


def layer_on_ranks(
    xs: list[Tensor], parts: list[dict[str, Tensor]], size: int, way: Way = RIGHT
) -> list[Tensor]:
    """x of each rank after a layer, in fp64."""

    def joined(own: list[Tensor], given: list[Tensor], how: str, place: int) -> list[Tensor]:
        if not way.kept[place]:
            return exchanged(own, how)
        given = [unit(x) for x in given] if way.unit_kept else given
        if way.inside[place]:
            return exchanged([x + one for x, one in zip(given, own, strict=True)], how)
        return [x + one for x, one in zip(given, exchanged(own, how), strict=True)]

    def mlp(x: Tensor, part: dict[str, Tensor]) -> Tensor:
        h = unit(x) if way.normed[1] else x
        gate, up = h @ part["gate"].double().T, h @ part["up"].double().T
        return GATED[way.gated][0](gate, up) @ part["down"].double().T

    first = [unit(x) if way.normed[0] else x for x in xs]
    own = [
        attended(h, part, size, way) @ part["o"].double().T
        for h, part in zip(first, parts, strict=True)
    ]
    if way.late or way.side_by_side:
        fed = xs if way.side_by_side else [x + one for x, one in zip(xs, own, strict=True)]
        both = [one + mlp(x, part) for one, x, part in zip(own, fed, parts, strict=True)]
        return joined(both, xs, "sum", 1)
    xs = joined(own, xs, way.attention, 0)
    return joined([mlp(x, part) for x, part in zip(xs, parts, strict=True)], xs, way.mlp, 1)


def whole_layer(x: Tensor, layer: Layer) -> Tensor:
    """x after the layer, of one process that has all weights."""
    return layer_on_ranks([x], [layer.weights], layer.size)[0]


def where_exchanged(exchanges: list[Any], shape: list[int], layers: int) -> str | None:
    """What the kinds, the shapes or the number of exchanges tell about what is wrong."""
    kinds = [kind for kind, _ in exchanges]
    strange = next((one for kind, one in exchanges if kind == "all-reduce" and one != shape), None)
    if strange:
        return (
            f"an all-reduce of {strange} adds up different outputs of a column-parallel product, "
            f"or parts of x: what is partial has the shape of x, {shape}. Exchange after o and down"
        )
    if kinds == ["all-reduce"] * (2 * layers):
        return None
    if "all-reduce" not in kinds:
        return MISSING
    if len(kinds) < 2 * layers:
        return "attention ends in a row-parallel product, and so does the MLP: an all-reduce each"
    return "nothing but the products of o and of down is partial: nothing else is exchanged"


def counted_rightly(exchanges: list[Any], layers: int, shape: list[int]) -> None:
    """Raises Wrong unless there are two all-reduces a layer, and nothing else."""
    if [kind for kind, _ in exchanges] != ["all-reduce"] * (2 * layers):
        raise Wrong(
            f"the result of {layers} layer{'s' if layers > 1 else ''} is right, and the exchanges "
            "are not two all-reduces a layer",
            f"{2 * layers} all-reduces", counted(exchanges),
            where_exchanged(exchanges, shape, layers),
        )  # fmt: skip
