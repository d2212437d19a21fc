"""What training keeps in each GPU's memory, and the smallest change that would make it fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

from workshop.roofline.errors import RooflineError
from workshop.roofline.shape import Shape
from workshop.roofline.training import Cluster, Layout, Recipe, layout_of

BF16, FP32 = 2, 4
OPTIMIZER = 3 * FP32  # weights, momentum and variance in fp32
Option = tuple[str, int | str]
DOUBLINGS = 12  # of the GPUs that are tried


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes on the fullest GPU."""

    weights: float
    gradients: float
    optimizer: float
    activations: float

    @property
    def total(self) -> float:
        return self.weights + self.gradients + self.optimizer + self.activations


def training_memory(shape: Shape, layout: Layout) -> TrainingMemory:
    """Bytes of each kind on a GPU of the first stage.

    16 bytes a parameter: 2 of weights, 2 of gradients, 12 of Adam in mixed precision, of which ZeRO
    leaves each copy its part (Rajbhandari et al. 2020, https://arxiv.org/abs/1910.02054).
    """
    held = shape.parameters / (layout.tp * layout.pp)
    return TrainingMemory(
        weights=BF16 * held / (layout.dp if layout.zero >= 3 else 1),
        gradients=BF16 * held / (layout.dp if layout.zero >= 2 else 1),
        optimizer=OPTIMIZER * held / (layout.dp if layout.zero >= 1 else 1),
        activations=activation_bytes(shape, layout),
    )


def activation_bytes(shape: Shape, layout: Layout) -> float:
    """Bytes that forward keeps for backward.

    The first stage has as many micro-batches under way as there are stages (1F1B); tensor and
    sequence parallelism share all of it out. Logits and their gradient come on top, in fp32, where
    the last stage is on the same GPU.
    """
    under_way = min(layout.pp, layout.micro_batches)
    layers = shape.layers / layout.pp * under_way
    rows = layout.micro_batch * layout.sequence
    kept = layers * rows * bytes_kept_per_token(shape, layout) / layout.tp
    logits = rows * shape.vocab * FP32 / layout.tp if layout.pp == 1 else 0.0
    return kept + logits


def bytes_kept_per_token(shape: Shape, layout: Layout) -> float:
    """Bytes of a token that a layer keeps for backward.

    As Korthikanti et al. 2022 (https://arxiv.org/abs/2205.05198) count for GPT, for this shape and
    without dropout. Everything: inputs and outputs of both norms, q, k, v, the scores before and
    after softmax, attention's output, and the MLP's inner products. Selective: without the scores.
    Full: the layer's input alone.
    """
    if layout.recompute == "full":
        return BF16 * shape.dim
    inner = shape.hidden * (3 if shape.gated else 2)
    kept = 4 * shape.dim + 2 * shape.q_dim + 2 * shape.kv_dim + inner
    scores = 2 * shape.heads * layout.sequence if layout.recompute == "none" else 0
    return BF16 * (kept + scores)


def fits(shape: Shape, cluster: Cluster, layout: Layout) -> bool:
    return training_memory(shape, layout).total <= cluster.device.memory


def smallest_change(shape: Shape, cluster: Cluster, recipe: Recipe) -> tuple[str, ...] | None:
    """The options that would make it fit, as few and as small as possible; None if none would.

    What costs least time comes first: ZeRO up to 2, recomputing, smaller micro-batches, then ZeRO
    3 and more ranks for each copy.
    """
    for words, changed in _changes(cluster, recipe):
        try:
            layout = layout_of(shape, cluster, changed)
        except RooflineError:
            continue
        if fits(shape, cluster, layout):
            return words
    return None


def more_gpus(shape: Shape, cluster: Cluster, recipe: Recipe) -> tuple[int, tuple[str, ...]] | None:
    """Twice the GPUs, four times ... as many as it takes, and the options; None if none would."""
    recipe = replace(recipe, dp=None)  # what the GPUs leave
    for i in range(1, DOUBLINGS + 1):
        larger = replace(cluster, gpus=cluster.gpus * 2**i)
        try:
            if fits(shape, larger, layout_of(shape, larger, recipe)):
                return larger.gpus, ()
        except RooflineError:
            continue
        if words := smallest_change(shape, larger, recipe):
            return larger.gpus, words
    return None


def _changes(cluster: Cluster, recipe: Recipe) -> Iterator[tuple[tuple[str, ...], Recipe]]:
    """Recipes that need less memory: one option changed, then two, then three."""
    ways: list[list[Option]] = [
        [("--zero", n) for n in (1, 2) if n > recipe.zero],
        [("--recompute", n) for n in _cheaper(recipe.recompute)],
        [("--micro-batch", n) for n in _halves(recipe.micro_batch)],
        [("--zero", 3)] if recipe.zero < 3 else [],
        [("--tp", n) for n in _doubles(recipe.tp, cluster.device.gpus_per_node)],
        [("--pp", n) for n in _doubles(recipe.pp, cluster.gpus)],
    ]
    for count in (1, 2, 3):
        for chosen in combinations(ways, count):
            for options in product(*chosen):
                if len({name for name, _ in options}) == count:
                    yield _changed(recipe, *options)


def _changed(recipe: Recipe, *options: Option) -> tuple[tuple[str, ...], Recipe]:
    values: dict[str, Any] = {
        name.removeprefix("--").replace("-", "_"): value for name, value in options
    }
    words = tuple(f"{name} {value}" for name, value in options)
    if "tp" in values or "pp" in values:
        values["dp"] = None  # what the GPUs leave
    return words, replace(recipe, **values)


def _cheaper(recompute: str) -> list[str]:
    return {"none": ["selective", "full"], "selective": ["full"]}.get(recompute, [])


def _halves(number: int) -> list[int]:
    return [number // 2**i for i in range(1, number.bit_length())]


def _doubles(number: int, most: int) -> list[int]:
    found = []
    while number * 2 <= most:
        number *= 2
        found.append(number)
    return found
