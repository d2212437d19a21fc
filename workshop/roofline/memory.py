"""What must be in a device's memory at once: weights, keys and values, activations."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workshop.roofline.device import Device
from workshop.roofline.efficiency import Efficiency
from workshop.roofline.shape import Shape
from workshop.roofline.workload import Plan, Workload

BYTES = 8


@dataclass(frozen=True)
class Memory:
    """Bytes on one rank."""

    weights: float
    kv_cache: float
    activations: float

    @property
    def total(self) -> float:
        return self.weights + self.kv_cache + self.activations


def memory_of(shape: Shape, plan: Plan, work: Workload) -> Memory:
    """What a batch needs on each rank, when its answers are complete."""
    return Memory(
        weight_bytes(shape, plan),
        work.batch * shape.kept(work.length) * kv_bytes_per_token(shape, plan),
        activation_bytes(shape, plan, work),
    )


def weight_bytes(shape: Shape, plan: Plan) -> float:
    """Bytes of the weights that each rank holds.

    The layers' matrices are shared by the ranks; embedding, head and norms are whole on each. A
    tied head that is quantised is a copy besides the embedding.
    """
    stored, plain = plan.precision.weight_bytes, plan.precision.plain_bits / BYTES
    layer = sum(stored(one.inputs, one.outputs) for one in (*shape.attention, *shape.mlp))
    head = shape.head
    if shape.tied and plan.precision.weight_bits >= plan.precision.plain_bits:
        own_head = 0.0
    else:
        own_head = stored(head.inputs, head.outputs)
    return shape.layers * layer / plan.tp + own_head + (head.weights + shape.norm_weights) * plain


def kv_bytes_per_token(shape: Shape, plan: Plan) -> float:
    """Bytes of a token's keys and values on each rank.

    2 x layers x key/value heads x size of a head x bytes (Pope et al. 2022,
    https://arxiv.org/abs/2211.05102); a rank has one head at least.
    """
    heads = max(shape.kv_heads / plan.tp, 1)
    return 2 * shape.layers * heads * shape.head_dim * plan.precision.activation_bits / BYTES


def activation_bytes(shape: Shape, plan: Plan, work: Workload) -> float:
    """Bytes of activations at the worst moment: prompts go through one after the other, or a step
    of decode takes the whole batch. The logits of each sequence are in fp32.
    """
    rows = max(work.prompt, work.batch)
    return rows * activation_bytes_per_row(shape, plan) + work.batch * logit_bytes(shape)


def activation_bytes_per_row(shape: Shape, plan: Plan) -> float:
    """Bytes of the activations of a token.

    Buffers are used again layer after layer, so it is one layer's: the residual stream, its norm,
    and q, k, v or the MLP's inner activations, of which each rank has its part.
    """
    inner = max(shape.q_dim + 2 * shape.kv_dim, shape.hidden * (2 if shape.gated else 1))
    return (2 * shape.dim + inner / plan.tp) * plan.precision.plain_bits / BYTES


def logit_bytes(shape: Shape) -> float:
    return shape.vocab * 4


def sequences_that_fit(memory: float, weights: float, per_sequence: float) -> int:
    """The largest batch whose cache has room beside the weights; 0 where these have none."""
    return max(math.floor((memory - weights) / per_sequence), 0)


def largest_batch(
    shape: Shape,
    device: Device,
    plan: Plan,
    work: Workload,
    reached: Efficiency,
    beside: Shape | None = None,
) -> int:
    """The largest batch of such sequences that fits all ranks; 0 where not even one does.

    ``beside`` is a draft, whose weights and cache have to fit too.
    """
    memory = device.memory * reached.usable_memory
    row = activation_bytes_per_row(shape, plan)
    models = (shape, beside) if beside else (shape,)
    weights = sum(weight_bytes(one, plan) for one in models)
    cache = sum(one.kept(work.length) * kv_bytes_per_token(one, plan) for one in models)
    sequence = cache + logit_bytes(shape)
    return min(
        sequences_that_fit(memory, weights + work.prompt * row, sequence),
        sequences_that_fit(memory, weights, sequence + row),
    )
