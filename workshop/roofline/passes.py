"""One pass through a model, component by component: FLOP, bytes and seconds on one rank.

Prefill is a pass of the whole prompt, a decode step one of a single token, and the verification of
k guesses one of k + 1 tokens. The roofline (Williams, Waterman and Patterson 2009,
https://doi.org/10.1145/1498765.1498785) holds for each component: it takes as long as its FLOP or
its bytes, whichever is longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from workshop.roofline.communication import all_reduce
from workshop.roofline.device import Device
from workshop.roofline.efficiency import Efficiency
from workshop.roofline.memory import kv_bytes_per_token
from workshop.roofline.shape import Linear, Shape
from workshop.roofline.workload import Plan

Bound = Literal["compute", "memory bandwidth", "link", "launch overhead"]

# Kernels of a layer. Eager: 8 of each norm, 4 products and 1 copy of attention, 14 of rotations, 4
# of cache and attention, 5 of the MLP, 2 additions. Compiled: a norm with its addition, q k v,
# rotation and cache, attention, o; a norm with its addition, gate and up, their product, down.
EAGER_KERNELS = 46
COMPILED_KERNELS = 9
# Before and after the layers: embedding, table of rotations, last norm, head, the token's choice.
OUTER_KERNELS = 6

BYTES = 8


@dataclass(frozen=True)
class Component:
    """A part of a pass, over all layers.

    Attributes:
        flop, bytes: of one rank.
        unpacked: weights that are made wider before they are multiplied.
        bound: what its seconds come from.
    """

    name: str
    seconds: float
    bound: Bound
    flop: float = 0.0
    bytes: float = 0.0
    unpacked: float = 0.0


@dataclass(frozen=True)
class Pass:
    """A pass through the model."""

    components: tuple[Component, ...]

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.components)

    @property
    def bound(self) -> Bound:
        """What most of its seconds come from."""
        by_bound: dict[Bound, float] = {}
        for one in self.components:
            by_bound[one.bound] = by_bound.get(one.bound, 0.0) + one.seconds
        return max(by_bound, key=lambda bound: by_bound[bound])

    @property
    def flop(self) -> float:
        return sum(one.flop for one in self.components)

    @property
    def breakdown(self) -> dict[str, float]:
        """Component -> seconds; they add up to the pass's."""
        return {one.name: one.seconds for one in self.components}


def model_pass(
    shape: Shape,
    device: Device,
    plan: Plan,
    reached: Efficiency,
    batch: int,
    tokens: int,
    past: float,
) -> Pass:
    """A pass of ``tokens`` of each of ``batch`` sequences that have ``past`` tokens in the cache.

    Logits are computed for the last token of each sequence, as generation needs; verification
    needs those of all, which reads the same bytes.
    """
    rows = batch * tokens
    found = [
        _embedding(shape, device, plan, reached, rows),
        _linears("attention", shape.attention, shape.layers, device, plan, reached, rows),
        _attention(shape, device, plan, reached, batch, tokens, past),
        _linears("mlp", shape.mlp, shape.layers, device, plan, reached, rows),
        _norms(shape, device, plan, reached, rows),
        _head(shape, device, plan, reached, batch),
        _all_reduces(shape, device, plan, reached, rows),
    ]
    return Pass((*found, _launch(shape, device, plan, reached, found)))


def _linears(
    name: str,
    linears: Iterable[Linear],
    layers: int,
    device: Device,
    plan: Plan,
    reached: Efficiency,
    rows: int,
) -> Component:
    """Products of ``rows`` vectors with the matrices of each layer, shared by the ranks.

    2 FLOP a weight and row (Kaplan et al. 2020, https://arxiv.org/abs/2001.08361); weights are
    read once, activations read and written.
    """
    held = list(linears)
    weights = layers * sum(one.weights for one in held) / plan.tp
    stored = layers * sum(plan.precision.weight_bytes(one.inputs, one.outputs) for one in held)
    moved = layers * rows * sum(one.inputs + one.outputs for one in held)
    read = (stored + moved * plan.precision.activation_bits / BYTES) / plan.tp
    return _product(name, weights, 2 * rows * weights, read, device, plan, reached)


def _product(
    name: str,
    weights: float,
    flop: float,
    read: float,
    device: Device,
    plan: Plan,
    reached: Efficiency,
) -> Component:
    compute = flop / device.peak_flops(plan.precision.compute_bits) / reached.flops
    memory = read / device.bandwidth / _memory(device, reached)
    unpacked = weights if plan.precision.unpacks else 0.0
    memory += unpacked * reached.unpack_flop / device.peak_flops(32)
    return replace(_component(name, compute, memory, flop, read, reached), unpacked=unpacked)


def _attention(
    shape: Shape,
    device: Device,
    plan: Plan,
    reached: Efficiency,
    batch: int,
    tokens: int,
    past: float,
) -> Component:
    """Queries against keys, and the values that they weigh.

    4 FLOP for each query, key and channel (2 of QK^T, 2 of PV); a token sees those before it and
    itself, so of the T x T products of a prompt about half are made (Dao et al. 2022,
    https://arxiv.org/abs/2205.14135: nothing of that size is written to memory). Keys and values
    are read once, those of new tokens written. What lies before a window is not touched.
    """
    seen = shape.seen(past, tokens)
    flop = 4 * batch * tokens * seen * shape.q_dim * shape.layers / plan.tp
    read = batch * (shape.kept(past) + 2 * tokens) * kv_bytes_per_token(shape, plan)
    compute = flop / device.peak_flops(plan.precision.activation_bits) / reached.flops
    memory = read / device.bandwidth / _memory(device, reached)
    return _component("kv_read", compute, memory, flop, read, reached)


def _norms(shape: Shape, device: Device, plan: Plan, reached: Efficiency, rows: int) -> Component:
    """Two norms a layer, and a last one; every rank has them whole.

    Each comes with an addition to the residual stream: both are read, both results written.
    """
    count = 2 * shape.layers + 1
    read = count * shape.dim * (4 * rows + 1) * plan.precision.plain_bits / BYTES
    return _memory_only("norms", read, device, reached)


def _embedding(
    shape: Shape, device: Device, plan: Plan, reached: Efficiency, rows: int
) -> Component:
    """A row of the table for each token, read and written; the rest of it is not touched."""
    read = 2 * rows * shape.dim * plan.precision.plain_bits / BYTES
    return _memory_only("embedding", read, device, reached)


def _head(shape: Shape, device: Device, plan: Plan, reached: Efficiency, batch: int) -> Component:
    """Logits of the last token; every rank has the head whole, as in gpt-fast and in the engine."""
    head = shape.head
    read = plan.precision.weight_bytes(head.inputs, head.outputs)
    read += batch * (head.inputs + head.outputs) * plan.precision.plain_bits / BYTES
    return _product(
        "output_head", head.weights, 2 * batch * head.weights, read, device, plan, reached
    )


def _all_reduces(
    shape: Shape, device: Device, plan: Plan, reached: Efficiency, rows: int
) -> Component:
    """Two a layer: after attention and after the MLP (Megatron-LM, Shoeybi et al. 2019,
    https://arxiv.org/abs/1909.08053)."""
    size = rows * shape.dim * plan.precision.plain_bits / BYTES
    seconds = 2 * shape.layers * all_reduce(size, plan.tp, plan.nodes, device, reached)
    return Component("all_reduce", seconds, "link")


def kernels(shape: Shape, plan: Plan) -> int:
    """Kernels of a pass."""
    each = COMPILED_KERNELS if plan.compiled else EAGER_KERNELS
    return shape.layers * each + OUTER_KERNELS


def kernel_seconds(device: Device, reached: Efficiency) -> float:
    """Of each kernel on a GPU besides its bytes."""
    if device.cuda:
        return reached.kernel_seconds
    return reached.metal_kernel_seconds if device.metal else reached.other_kernel_seconds


def _launch(
    shape: Shape, device: Device, plan: Plan, reached: Efficiency, found: list[Component]
) -> Component:
    """What starting kernels adds.

    A GPU works while the host calls the next kernel, so an eager step takes as long as the slower
    of the two: overhead is what the host takes longer. In a CUDA graph there is no host, but each
    kernel still has its own beginning and end. A CPU does one after the other.
    """
    started = kernels(shape, plan)
    if device.kind == "cpu":
        seconds = kernels(shape, replace(plan, compiled=True)) * reached.cpu_kernel_seconds
        if not plan.compiled:
            seconds += started * reached.cpu_launch_seconds
        return Component("launch_overhead", seconds, "launch overhead")
    each = kernel_seconds(device, reached)
    if plan.compiled:
        seconds = started * each
        return Component("launch_overhead", seconds, "launch overhead")
    on_device = sum(one.seconds for one in found) + started * each
    on_host = started * reached.launch_seconds
    seconds = max(on_device, on_host) - sum(one.seconds for one in found)
    return Component("launch_overhead", seconds, "launch overhead")


def _memory_only(name: str, read: float, device: Device, reached: Efficiency) -> Component:
    memory = read / device.bandwidth / _memory(device, reached)
    return _component(name, 0.0, memory, 0.0, read, reached)


def _memory(device: Device, reached: Efficiency) -> float:
    return reached.memory if device.hbm else reached.plain_memory


def _component(
    name: str, compute: float, memory: float, flop: float, read: float, reached: Efficiency
) -> Component:
    """The longer of computing and reading, and of the shorter what does not overlap with it."""
    bound: Bound = "compute" if compute > memory else "memory bandwidth"
    seconds = max(compute, memory) + (1 - reached.overlap) * min(compute, memory)
    return Component(name, seconds, bound, flop, read)
