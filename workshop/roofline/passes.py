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

# Up to so many tokens a CPU multiplies a weight by each while it has it in a register; a library
# multiplies more of them, at the processor's FLOP/s.
FEW_TOKENS = 8

BYTES = 8


@dataclass(frozen=True)
class Component:
    """A part of a pass, over all layers.

    Attributes:
        flop, bytes: of one rank.
        weights: that are multiplied, in products with the tokens of the pass.
        unpacked: those of them that are made wider before.
        bound: what its seconds come from.
    """

    name: str
    seconds: float
    bound: Bound
    flop: float = 0.0
    bytes: float = 0.0
    weights: float = 0.0
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
    return _product(name, weights, rows, 2 * rows * weights, read, device, plan, reached)


def _product(
    name: str,
    weights: float,
    rows: int,
    flop: float,
    read: float,
    device: Device,
    plan: Plan,
    reached: Efficiency,
) -> Component:
    compute = flop / device.peak_flops(plan.precision.compute_bits) / reached.flops
    unpacked = weights if plan.precision.unpacks else 0.0
    if device.kind == "cpu":
        unpacked = unpacked if plan.precision.weight_bits < BYTES else 0.0
    besides = unpacked * unpack_seconds(device, reached)
    besides += weights * further_tokens(rows) * token_seconds(device, reached)
    found = _component(name, compute, read, device, plan, reached, flop, besides)
    return replace(found, weights=weights, unpacked=unpacked)


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
    return _component("kv_read", compute, read, device, plan, reached, flop)


def _norms(shape: Shape, device: Device, plan: Plan, reached: Efficiency, rows: int) -> Component:
    """Two norms a layer, and a last one; every rank has them whole.

    Each comes with an addition to the residual stream: both are read, both results written.
    """
    count = 2 * shape.layers + 1
    read = count * shape.dim * (4 * rows + 1) * plan.precision.plain_bits / BYTES
    return _component("norms", 0.0, read, device, plan, reached)


def _embedding(
    shape: Shape, device: Device, plan: Plan, reached: Efficiency, rows: int
) -> Component:
    """A row of the table for each token, read and written; the rest of it is not touched."""
    read = 2 * rows * shape.dim * plan.precision.plain_bits / BYTES
    return _component("embedding", 0.0, read, device, plan, reached)


def _head(shape: Shape, device: Device, plan: Plan, reached: Efficiency, batch: int) -> Component:
    """Logits of the last token; every rank has the head whole, as in gpt-fast and in the engine."""
    head = shape.head
    read = plan.precision.weight_bytes(head.inputs, head.outputs)
    read += batch * (head.inputs + head.outputs) * plan.precision.plain_bits / BYTES
    return _product(
        "output_head", head.weights, batch, 2 * batch * head.weights, read, device, plan, reached
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
    kernel still has its own beginning and end. A CPU calls a kernel when the last one has ended.
    """
    started = kernels(shape, plan)
    if device.kind == "cpu":
        each = reached.cpu_kernel_seconds if plan.compiled else reached.cpu_launch_seconds
        return Component("launch_overhead", started * each, "launch overhead")
    each = kernel_seconds(device, reached)
    if plan.compiled:
        seconds = started * each
        return Component("launch_overhead", seconds, "launch overhead")
    on_device = sum(one.seconds for one in found) + started * each
    on_host = started * reached.launch_seconds
    seconds = max(on_device, on_host) - sum(one.seconds for one in found)
    return Component("launch_overhead", seconds, "launch overhead")


def share_of_bandwidth(device: Device, reached: Efficiency) -> float:
    """The part of the device's bandwidth that is reached; of one that was measured, all."""
    if device.measured and device.kind == "cpu":
        return 1.0
    return reached.memory if device.hbm else reached.plain_memory


def core_seconds(read: float, device: Device, plan: Plan, reached: Efficiency) -> float:
    """What the cores of a CPU take for so many bytes of weights, however fast they come."""
    each = reached.cpu_byte_seconds if plan.compiled else reached.cpu_eager_byte_seconds
    return read * each / device.cores if device.kind == "cpu" else 0.0


def unpack_seconds(device: Device, reached: Efficiency) -> float:
    """What making a quantised weight wider takes, besides reading it.

    On a CPU that of int8 is among what its cores take for a byte.
    """
    if device.kind == "cpu":
        return reached.cpu_unpack_seconds / device.cores
    return reached.unpack_flop / device.peak_flops(32)


def token_seconds(device: Device, reached: Efficiency) -> float:
    """What multiplying a weight by one more token takes, besides reading it once."""
    return reached.cpu_token_seconds / device.cores if device.kind == "cpu" else 0.0


def further_tokens(rows: int) -> int:
    """Tokens of a pass besides the first, as far as they are few."""
    return min(rows, FEW_TOKENS) - 1


def _component(
    name: str,
    compute: float,
    read: float,
    device: Device,
    plan: Plan,
    reached: Efficiency,
    flop: float = 0.0,
    besides: float = 0.0,
) -> Component:
    """The longer of computing and reading, and of the shorter what does not overlap with it.

    ``besides``: seconds between the reading of weights and their product.
    """
    memory = read / device.bandwidth / share_of_bandwidth(device, reached)
    cores = core_seconds(read, device, plan, reached)
    longest = max(memory, cores) + besides
    bound: Bound = "compute" if compute > longest or cores > memory else "memory bandwidth"
    seconds = max(compute, longest) + (1 - reached.overlap) * min(compute, longest)
    return Component(name, seconds, bound, flop, read)
