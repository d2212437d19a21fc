"""What a machine should do with a model: TTFT, TPOT, tokens/s, memory, and what bounds them."""

from __future__ import annotations

from dataclasses import dataclass

from workshop.roofline.device import Device
from workshop.roofline.efficiency import IDEAL, Efficiency
from workshop.roofline.memory import largest_batch, memory_of, weight_bytes
from workshop.roofline.passes import Bound, Pass, model_pass
from workshop.roofline.shape import Shape
from workshop.roofline.speculative import Speculation, tokens_per_round
from workshop.roofline.workload import Plan, Workload

GB = 1e9
HOUR = 3600
MILLION = 1e6


@dataclass(frozen=True)
class Prediction:
    """One reading of what a machine should do.

    Attributes:
        ttft_seconds: prefill: from the prompt to the first new token.
        tpot_seconds: time per output token after the first, on average.
        tokens_per_second: decode only, of one sequence: 1 / TPOT, as docs/measuring.md counts.
        batch_tokens_per_second: of all sequences of the batch.
        weights_gb, kv_cache_gb, activations_gb: on each GPU.
        max_batch: sequences of this length that fit.
        mbu: model bandwidth utilisation of decode, weights alone, as docs/measuring.md counts.
        mfu: model FLOP/s utilisation of decode.
        bound: what most of a decode step's time comes from.
        breakdown_seconds: component -> seconds of a token; they add up to TPOT.
        prefill_*: the same of prefill.
        speedup: of speculation, over the same without; None where nothing is speculated.
        price_per_million_tokens, price_per_million_prompt_tokens: None without a GPU's price.
    """

    ttft_seconds: float
    tpot_seconds: float
    tokens_per_second: float
    batch_tokens_per_second: float
    weights_gb: float
    kv_cache_gb: float
    activations_gb: float
    fits: bool
    max_batch: int
    mbu: float
    mfu: float
    bound: Bound
    breakdown_seconds: dict[str, float]
    prefill_mfu: float
    prefill_bound: Bound
    prefill_breakdown_seconds: dict[str, float]
    speedup: float | None = None
    price_per_million_tokens: float | None = None
    price_per_million_prompt_tokens: float | None = None


@dataclass(frozen=True)
class Passes:
    """The passes that a prediction is made of; with a draft, those of both models."""

    prefill: tuple[Pass, ...]
    decode: tuple[Pass, ...]  # a step; with a draft, k of its steps and one verification
    tokens: float  # that decode gives


def predict(
    shape: Shape,
    device: Device,
    work: Workload,
    plan: Plan,
    reached: Efficiency = IDEAL,
    speculation: Speculation | None = None,
    cost_per_gpu_hour: float | None = None,
) -> Prediction:
    """A reading: the ideal with every efficiency at 1, the expected with the fitted ones.

    Raises:
        RooflineError: the ranks do not divide the model.
    """
    plan.check(shape)
    passes = passes_of(shape, device, work, plan, reached, speculation)
    ttft = sum(one.seconds for one in passes.prefill)
    tpot = sum(one.seconds for one in passes.decode) / passes.tokens
    memory = memory_of(shape, plan, work)
    weights, cache, activations = memory.weights, memory.kv_cache, memory.activations
    room = largest_batch(shape, device, plan, work, reached)
    if speculation and (draft := speculation.draft):
        beside = memory_of(draft, plan, work)
        weights, cache = weights + beside.weights, cache + beside.kv_cache
        room = largest_batch(shape, device, plan, work, reached, beside=draft)
    read = weights_read(shape, plan) * plan.tp
    if speculation and speculation.draft:
        read += speculation.guesses * weights_read(speculation.draft, plan) * plan.tp
    prefill, step = passes.prefill[-1], passes.decode[-1]
    peak = device.peak_flops(plan.precision.compute_bits) * plan.tp
    plain = None
    if speculation:
        plain = predict(shape, device, work, plan, reached).tpot_seconds
    price = plan.tp * (cost_per_gpu_hour or 0.0) / HOUR * MILLION
    priced = cost_per_gpu_hour is not None
    return Prediction(
        ttft_seconds=ttft,
        tpot_seconds=tpot,
        tokens_per_second=1 / tpot,
        batch_tokens_per_second=work.batch / tpot,
        weights_gb=weights / GB,
        kv_cache_gb=cache / GB,
        activations_gb=activations / GB,
        fits=work.batch <= room,
        max_batch=room,
        mbu=model_bandwidth_utilisation(read, tpot * passes.tokens, device.bandwidth * plan.tp),
        mfu=sum(one.flop for one in passes.decode) * plan.tp / (tpot * passes.tokens) / peak,
        bound=step.bound,
        breakdown_seconds=merged(passes.decode, 1 / passes.tokens),
        prefill_mfu=prefill.flop * plan.tp / prefill.seconds / peak,
        prefill_bound=prefill.bound,
        prefill_breakdown_seconds=merged(passes.prefill),
        speedup=plain / tpot if plain else None,
        price_per_million_tokens=price * tpot / work.batch if priced else None,
        price_per_million_prompt_tokens=(
            price * ttft / work.batch / work.prompt if priced else None
        ),
    )


def passes_of(
    shape: Shape,
    device: Device,
    work: Workload,
    plan: Plan,
    reached: Efficiency,
    speculation: Speculation | None = None,
) -> Passes:
    """The passes of prefill and of a step of decode, in the middle of the answer."""

    def one(model: Shape, tokens: int, past: float) -> Pass:
        return model_pass(model, device, plan, reached, work.batch, tokens, past)

    def step(model: Shape, tokens: int = 1) -> Pass:
        return one(model, tokens, work.mean_past(model))

    prefill = one(shape, work.prompt, 0)
    if speculation is None:
        return Passes((prefill,), (step(shape),), 1.0)
    verified = step(shape, speculation.guesses + 1)
    tokens = tokens_per_round(speculation)
    draft = speculation.draft
    if draft is None:  # guesses from the text itself cost next to nothing
        return Passes((prefill,), (verified,), tokens)
    guesses = tuple(step(draft) for _ in range(speculation.guesses))
    return Passes((one(draft, work.prompt, 0), prefill), (*guesses, verified), tokens)


def merged(passes: tuple[Pass, ...], scale: float = 1.0) -> dict[str, float]:
    """Seconds of each component; what drafts take is one of its own."""
    *drafts, last = passes
    found = {name: seconds * scale for name, seconds in last.breakdown.items()}
    if drafts:
        found["draft"] = sum(one.seconds for one in drafts) * scale
    return found


def weights_read(shape: Shape, plan: Plan) -> float:
    """Bytes of weights that a step reads on each rank: all but an embedding that is a table only.

    As docs/measuring.md counts bandwidth, and gpt-fast.
    """
    table = shape.head.weights * plan.precision.plain_bits / 8
    tied_to_it = shape.tied and plan.precision.weight_bits >= plan.precision.plain_bits
    return weight_bytes(shape, plan) - (0 if tied_to_it else table)


def model_bandwidth_utilisation(read: float, seconds: float, bandwidth: float) -> float:
    """MBU: bytes of weights over the time of a token, over the data-sheet bandwidth.

    MBU = parameters x bytes of each x tokens/s / bandwidth (Databricks 2023,
    https://www.databricks.com/blog/llm-inference-performance-engineering-best-practices).
    """
    return read / seconds / bandwidth


def as_counted(prediction: Prediction, work: Workload, seconds: str) -> float:
    """tokens/s of a sequence as a source counts them: over decode, or over prefill and decode."""
    if seconds != "prefill and decode":
        return prediction.tokens_per_second
    decode = (work.new_tokens - 1) * prediction.tpot_seconds
    return work.new_tokens / (prediction.ttft_seconds + decode)
