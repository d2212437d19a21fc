"""The arithmetic of a prediction, line by line, so that it can be done again on paper."""

from __future__ import annotations

from collections.abc import Iterator

from workshop.roofline.device import Device
from workshop.roofline.efficiency import Efficiency
from workshop.roofline.inference import passes_of, weights_read
from workshop.roofline.memory import (
    activation_bytes,
    kv_bytes_per_token,
    memory_of,
    weight_bytes,
)
from workshop.roofline.passes import (
    Component,
    Pass,
    core_seconds,
    further_tokens,
    kernel_seconds,
    kernels,
    share_of_bandwidth,
    token_seconds,
    unpack_seconds,
)
from workshop.roofline.shape import Linear, Shape
from workshop.roofline.speculative import Speculation, tokens_per_round
from workshop.roofline.workload import Plan, Workload

GB, MB = 1e9, 1e6


def explained(
    shape: Shape,
    device: Device,
    work: Workload,
    plan: Plan,
    reached: Efficiency,
    speculation: Speculation | None = None,
) -> list[str]:
    """The lines of one reading."""
    passes = passes_of(shape, device, work, plan, reached, speculation)
    lines = [
        *_device(device, plan),
        *_model(shape),
        *_memory(shape, plan, work),
        "",
        f"prefill: {work.batch} x {work.prompt} tokens at once",
        *_pass(passes.prefill[-1], shape, device, plan, reached, work.batch, work.prompt, 0),
    ]
    verified = 1 if speculation is None else speculation.guesses + 1
    past = work.mean_past(shape)
    lines += [
        "",
        f"decode: a pass of {work.batch} x {verified} token, in the middle of the answer: "
        f"{past:g} tokens in the cache",
    ]
    lines += _pass(passes.decode[-1], shape, device, plan, reached, work.batch, verified, past)
    if speculation is not None:
        lines += _speculated(passes.decode, speculation)
    ttft = sum(one.seconds for one in passes.prefill)
    tpot = sum(one.seconds for one in passes.decode) / passes.tokens
    read = weights_read(shape, plan)
    lines += [
        "",
        f"TTFT = {_ms(ttft)}",
        f"TPOT = {_ms(tpot)}; 1 / TPOT = {1 / tpot:.4g} tokens/s a sequence, "
        f"x {work.batch} = {work.batch / tpot:.4g}",
    ]
    if speculation is None:
        lines.append(
            f"MBU = {read / GB:.4g} GB of weights / {_ms(tpot)} / "
            f"{device.bandwidth_gb_per_s:g} GB/s = {read / tpot / device.bandwidth:.1%}"
        )
    return lines


def _device(device: Device, plan: Plan) -> Iterator[str]:
    """What is counted on of the device, with where each value is from."""
    precision = plan.precision
    used = {
        "memory_gb": "GB of memory",
        "bandwidth_gb_per_s": "GB/s from memory",
        "fp16_tflops": "TFLOP/s of products in 16 bits",
    }
    for bits in (8, 4):
        if bits in (precision.compute_bits, precision.activation_bits):
            used[f"int{bits}_tflops"] = f"TFLOP/s of products in {bits} bits"
    if precision.unpacks:
        used["fp32_tflops"] = "TFLOP/s of its ordinary units, which unpack weights"
    if plan.tp > 1:
        used["link_gb_per_s"] = "GB/s to its neighbours"
    yield f"{device.name}, {'data-sheet values' if device.sources else 'as measured'}"
    for name, unit in used.items():
        if (value := getattr(device, name)) is not None:
            yield f"  {value:g} {unit}"
        if name in device.sources:
            yield f"    {device.sources[name]}"


def _model(shape: Shape) -> Iterator[str]:
    def products(linears: tuple[Linear, ...]) -> str:
        return " + ".join(f"{one.inputs}x{one.outputs}" for one in linears)

    attention = sum(one.weights for one in shape.attention)
    mlp = sum(one.weights for one in shape.mlp)
    yield f"{shape.name}: {shape.layers} layers"
    yield f"  attention: {products(shape.attention)} = {attention / MB:.4g} M weights a layer"
    yield f"  MLP: {products(shape.mlp)} = {mlp / MB:.4g} M weights a layer"
    head = shape.head
    yield (
        f"  head: {head.inputs}x{head.outputs} = {head.weights / MB:.4g} M"
        f"{', tied to the embedding' if shape.tied else ', and an embedding of that size'}"
    )
    yield f"  parameters: {shape.parameters / GB:.5g} G"
    if shape.window is not None:
        yield f"  a sliding window: each token sees the last {shape.window}, and no more are kept"


def _memory(shape: Shape, plan: Plan, work: Workload) -> Iterator[str]:
    memory, token = memory_of(shape, plan, work), kv_bytes_per_token(shape, plan)
    bits = plan.precision.activation_bits
    heads = max(shape.kv_heads / plan.tp, 1)
    yield f"memory of each rank ({plan.precision}, tp {plan.tp})"
    yield f"  weights: {weight_bytes(shape, plan) / GB:.4g} GB"
    yield (
        f"  a token's keys and values: 2 x {shape.layers} layers x {heads:g} heads x "
        f"{shape.head_dim} x {bits / 8:g} bytes = {token / 1e3:.4g} kB"
    )
    yield (
        f"  KV cache: {work.batch} x {shape.kept(work.length):g} tokens x {token / 1e3:.4g} kB "
        f"= {memory.kv_cache / GB:.4g} GB"
    )
    yield f"  activations: {activation_bytes(shape, plan, work) / GB:.4g} GB"


def _pass(
    one: Pass,
    shape: Shape,
    device: Device,
    plan: Plan,
    reached: Efficiency,
    batch: int,
    tokens: int,
    past: float,
) -> Iterator[str]:
    for component in one.components:
        if component.name == "all_reduce":
            if plan.tp > 1:
                yield _all_reduce(component, shape, plan, batch * tokens)
        elif component.name == "launch_overhead":
            yield _launch(one, component, shape, device, plan, reached)
        else:
            yield from _roofline(component, shape, device, plan, reached, batch, tokens, past)
    yield f"  sum = {_ms(one.seconds)}, most of it {one.bound}"


def _roofline(
    one: Component,
    shape: Shape,
    device: Device,
    plan: Plan,
    reached: Efficiency,
    batch: int,
    tokens: int,
    past: float,
) -> Iterator[str]:
    """Bytes over bandwidth, FLOP over FLOP/s, and what the two make together."""
    part = share_of_bandwidth(device, reached)
    memory = one.bytes / device.bandwidth / part
    read, computed = _formulas(one.name, shape, plan, batch, tokens, past)
    yield f"  {one.name}"
    yield f"    bytes: {read} = {one.bytes / GB:.4g} GB"
    line = (
        f"    reading: {one.bytes / GB:.4g} GB / ({device.bandwidth_gb_per_s:g} GB/s x {part:.3g}) "
        f"= {_ms(memory)}"
    )
    cores = core_seconds(one.bytes, device, plan, reached)
    if cores > memory:
        memory = cores
        line += f"; the cores take {_ms(cores)}"
    rows = batch if one.name == "output_head" else batch * tokens
    for seconds, said in _besides_reading(one, device, reached, rows):
        memory += seconds
        line += f"; + {said} = {_ms(memory)}"
    yield line
    if not one.flop:
        return
    precision = plan.precision
    bits = precision.activation_bits if one.name == "kv_read" else precision.compute_bits
    peak = device.peak_flops(bits)
    compute = one.flop / peak / reached.flops
    yield f"    FLOP: {computed} = {one.flop / GB:.4g} G"
    yield (
        f"    computing: {one.flop / GB:.4g} G / ({peak / 1e12:g} TFLOP/s x {reached.flops:.3g}) "
        f"= {_ms(compute)}"
    )
    if reached.overlap < 1:
        yield (
            f"    together: {_ms(max(compute, memory))} + {1 - reached.overlap:.3g} x "
            f"{_ms(min(compute, memory))} = {_ms(one.seconds)}"
        )
    else:
        yield f"    the longer: {_ms(one.seconds)}"


def _besides_reading(
    one: Component, device: Device, reached: Efficiency, rows: int
) -> Iterator[tuple[float, str]]:
    """What weights cost between their reading and their product: seconds, and how they come about.

    Made wider if they are quantised; and on a CPU, multiplied by each of a few tokens.
    """
    each, share = unpack_seconds(device, reached), f"ps / {device.cores} cores"
    if one.unpacked and each:
        weights = f"{one.unpacked / GB:.4g} G weights"
        if device.kind == "cpu":
            of = f"{reached.cpu_unpack_seconds * 1e12:.3g} {share}"
        else:
            of = f"{reached.unpack_flop:.3g} / {device.fp32_tflops:g} TFLOP/s"
        yield one.unpacked * each, f"{weights} x {of} to unpack"
    further, each = further_tokens(rows), token_seconds(device, reached)
    if one.weights and further and each:
        of = f"{further} x {reached.cpu_token_seconds * 1e12:.3g} {share}"
        yield (
            one.weights * further * each,
            f"{one.weights / GB:.4g} G weights x {of} for further tokens",
        )


def _formulas(
    name: str, shape: Shape, plan: Plan, batch: int, tokens: int, past: float
) -> tuple[str, str]:
    """How the bytes and the FLOP of a component come about."""
    rows, precision = batch * tokens, plan.precision
    plain, tp = precision.plain_bits // 8, f" / {plan.tp} ranks" if plan.tp > 1 else ""
    if name in ("attention", "mlp"):
        linears = shape.attention if name == "attention" else shape.mlp
        weights = sum(one.weights for one in linears)
        stored = sum(precision.weight_bytes(one.inputs, one.outputs) for one in linears)
        ends = sum(one.inputs + one.outputs for one in linears)
        return (
            f"{shape.layers} layers x ({weights / MB:.4g} M weights x {8 * stored / weights:.4g} "
            f"bits / 8 + {rows} x {ends} values x {precision.activation_bits / 8:g} bytes){tp}",
            f"2 x {rows} tokens x {shape.layers} layers x {weights / MB:.4g} M{tp}",
        )
    if name == "kv_read":
        token = kv_bytes_per_token(shape, plan)
        return (
            f"{batch} x ({shape.kept(past):g} read + {tokens} written and read again) x "
            f"{token / 1e3:.4g} kB",
            f"4 x {batch} x {tokens} tokens x {shape.seen(past, tokens):g} seen x {shape.q_dim} "
            f"x {shape.layers} layers{tp}",
        )
    if name == "norms":
        count = 2 * shape.layers + 1
        return f"{count} norms x (4 x {rows} + 1) x {shape.dim} values x {plain} bytes", ""
    if name == "output_head":
        head = shape.head
        stored = precision.weight_bytes(head.inputs, head.outputs)
        return (
            f"{head.weights / MB:.4g} M weights x {8 * stored / head.weights:.4g} bits / 8 + "
            f"{batch} x {head.inputs + head.outputs} values x {plain} bytes",
            f"2 x {batch} tokens x {head.weights / MB:.4g} M",
        )
    return f"2 x {rows} rows x {shape.dim} values x {plain} bytes", ""


def _all_reduce(one: Component, shape: Shape, plan: Plan, rows: int) -> str:
    size = rows * shape.dim * plan.precision.plain_bits / 8
    count = 2 * shape.layers
    return (
        f"  all_reduce: {count} of {size / 1e3:.4g} kB over {plan.tp} ranks, "
        f"{one.seconds / count * 1e6:.4g} us each = {_ms(one.seconds)}"
    )


def _launch(
    one: Pass, launch: Component, shape: Shape, device: Device, plan: Plan, reached: Efficiency
) -> str:
    count = kernels(shape, plan)
    if device.kind == "cpu":
        each = reached.cpu_kernel_seconds if plan.compiled else reached.cpu_launch_seconds
        called = "kernels" if plan.compiled else "calls from Python"
        return f"  launch_overhead: {count} {called} x {each * 1e6:.3g} us = {_ms(launch.seconds)}"
    each = kernel_seconds(device, reached)
    if plan.compiled:
        return (
            f"  launch_overhead: {count} kernels in a graph x {each * 1e6:.3g} us "
            f"= {_ms(launch.seconds)}"
        )
    return (
        f"  launch_overhead: {count} calls from Python x {reached.launch_seconds * 1e6:.3g} us "
        f"= {_ms(count * reached.launch_seconds)}; the GPU needs "
        f"{_ms(one.seconds - launch.seconds)} + {count} x {each * 1e6:.3g} us; the longer of the "
        f"two adds {_ms(launch.seconds)}"
    )


def _speculated(passes: tuple[Pass, ...], speculation: Speculation) -> Iterator[str]:
    *drafts, verify = passes
    k, a = speculation.guesses, speculation.acceptance
    tokens = tokens_per_round(speculation)
    yield f"speculation: {k} guesses, each accepted with a = {a:.3g}"
    yield f"  tokens of a round: (1 - a^{k + 1}) / (1 - a) = {tokens:.4g}"
    if drafts:
        name = speculation.draft.name if speculation.draft else "the draft"
        yield (
            f"  a round: {k} x {_ms(drafts[0].seconds)} of {name} "
            f"+ {_ms(verify.seconds)} = {_ms(sum(one.seconds for one in passes))}"
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.4g} ms"
