"""Where runs stand under a roofline: FLOP for each byte read, FLOP/s, and the roofs themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workshop.figures.pooling import Pool, mean_over
from workshop.record.results import Result, drawable, guesses_made
from workshop.roofline.device import Device, find_device
from workshop.roofline.errors import RooflineError

GIGA = 1e9


@dataclass(frozen=True)
class Point:
    """Where a phase stands: FLOP for each byte of weights, and FLOP/s."""

    intensity: float
    flops: float


def decode_of(pool: Pool) -> Point | None:
    """Decode: without speculation a pass a token; with it, k + 1 tokens a pass and k of a draft."""
    return _mean([_decode(run) for run in pool.runs])


def prefill_of(pool: Pool) -> Point | None:
    """Prefill: all tokens of the prompt in one pass of the model, and one of a draft."""
    return _mean([_prefill(run) for run in pool.runs])


def roofs_of(pools: Sequence[Pool]) -> list[float]:
    """The bandwidths, bytes/s, that these runs measured or were given, all ranks together.

    Of a GPU whose run tells none, it is the data sheet's.
    """
    return sorted(
        bandwidth * GIGA * (run.world_size or 1)
        for pool in pools
        for run in pool.runs
        if (bandwidth := _bandwidth(run)) is not None
    )


def peaks_of(pools: Sequence[Pool]) -> list[float]:
    """The data sheet's FLOP/s in 16 bits, all ranks together.

    None of them unless all runs' GPUs are in the tables. A CPU's would be a whole socket's, of
    which a run may have a few cores.
    """
    runs = [run for pool in pools for run in pool.runs]
    known = [(_data_sheet(run), run.world_size or 1) for run in runs]
    peaks = [device.peak_flops(16) * ranks for device, ranks in known if device]
    return sorted(peaks) if len(peaks) == len(runs) else []


def _bandwidth(run: Result) -> float | None:
    """GB/s of one rank's device."""
    recorded = run.device_bandwidth_gb_per_second
    if drawable(recorded) and recorded:
        return recorded
    device = _data_sheet(run)
    return device.bandwidth_gb_per_s if device else None


def _data_sheet(run: Result) -> Device | None:
    """The run's GPU in the tables of ``workshop predict``."""
    try:
        device = find_device(run.device or "")
    except RooflineError:
        return None
    return device if device.kind == "gpu" else None


def _decode(run: Result) -> Point | None:
    if not _counts_decode(run):
        return None
    rates = [
        sample.verify_passes / sample.decode_seconds
        for sample in run.samples
        if sample.verify_passes and sample.decode_seconds > 0
    ]
    speculated = run.settings is not None and run.settings.speculate != "none"
    if speculated:
        rate = mean_over(rates)
        guesses = _guesses_a_pass(run)
    else:
        per_sequence = run.definition is not None and run.definition.per == "sequence"
        rate = run.tokens_per_second
        rate = rate / (1 if per_sequence else run.batch_size or 1) if drawable(rate) else None
        guesses = 0.0
    return _point(run, rate, tokens=1 + guesses, draft_tokens=guesses, draft_passes=guesses)


def _guesses_a_pass(run: Result) -> float:
    passes = sum(sample.verify_passes or 0 for sample in run.samples)
    return sum(guesses_made(sample, run) for sample in run.samples) / passes if passes else 0.0


def _prefill(run: Result) -> Point | None:
    if not _counts_decode(run) or run.prompt_tokens is None or not drawable(run.ttft_seconds):
        return None
    rate = 1 / run.ttft_seconds if run.ttft_seconds > 0 else None
    return _point(run, rate, run.prompt_tokens, draft_tokens=run.prompt_tokens, draft_passes=1)


def _counts_decode(run: Result) -> bool:
    """Whether the run's times are those of passes: not of a server's queue or a prompt besides."""
    counts = run.definition
    return (
        counts is not None
        and (counts.tokens, counts.seconds) == ("new", "decode")
        and counts.per in ("sequence", "batch")
    )


def _point(
    run: Result, passes: float | None, tokens: float, draft_tokens: float, draft_passes: float
) -> Point | None:
    """The point of ``passes`` a second, each with so many tokens of each of the batch's texts."""
    if not (run.model_parameters and run.model_bytes and passes):
        return None
    batch = run.batch_size or 1
    flop = 2.0 * batch * run.model_parameters * tokens
    flop += 2.0 * batch * (run.draft_parameters or 0) * draft_tokens
    read = float(run.model_bytes + (run.draft_bytes or 0) * draft_passes)
    point = Point(flop / read, flop * passes)
    numbers = (point.intensity, point.flops / 1e6, flop, read)
    return point if all(drawable(n / 1e9) and n > 0 for n in numbers) else None


def _mean(points: Sequence[Point | None]) -> Point | None:
    known = [point for point in points if point]
    if not known:
        return None
    count = len(known)
    return Point(
        math.fsum(point.intensity for point in known) / count,
        math.fsum(point.flops for point in known) / count,
    )
