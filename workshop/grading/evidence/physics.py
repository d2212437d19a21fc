"""A record against its machine: no weights are read faster than memory can be, and no more is
computed than there are units for.

A lower bound of what a run must have read and computed stands against an upper bound of the device:
what the run itself measured of it, or its data sheet where the tables have the device. Both bounds
are generous, because a bound that is wrong once is worth nothing:

* what a run measured of its device was measured in milliseconds, maybe while others were at work:
  twice as much is a doubt still, and only beyond that a contradiction;
* small models live in caches, which a data sheet's bandwidth says nothing about: it is held against
  models that no cache holds alone;
* FLOP are counted for half of the parameters where the model's shape is not known: embeddings are
  not multiplied by.
"""

from __future__ import annotations

from collections.abc import Iterator

from workshop.grading.evidence.finding import Check, found
from workshop.grading.evidence.log import Run
from workshop.grading.evidence.model import shape_of
from workshop.grading.records import Finding
from workshop.record.results import Result
from workshop.roofline.device import Device, find_device
from workshop.roofline.errors import RooflineError

ABOVE = 1.1  # times what was measured of a device: more than its noise
IMPOSSIBLE = 2.0  # times what was measured of a device
ON_PAPER = 1.1  # times the data sheet: some are clocked a little higher
NO_CACHE = 500e6  # bytes of weights on a rank that no device's cache holds (MI300X: 256 MB)
MULTIPLIED = 0.5  # of the parameters, at the least
LONGEST_NAME = 80
BUSY = "process"  # in the warning that others use the processors


def faster_than_memory(run: Run) -> Iterator[Finding]:
    """Weights read faster than the run itself found that its device can be read.

    Every rank measures its own share of the device, and the bandwidth is that of all ranks.
    """
    result = run.result
    bandwidth, ceiling = result.bandwidth_gb_per_second, result.device_bandwidth_gb_per_second
    if bandwidth is None or not ceiling:
        return
    yield from beyond(
        run,
        bandwidth / (ceiling * ranks_of(result)),
        f"weights were read at {bandwidth:.4g} GB/s, and the device was measured to read "
        f"{ceiling * ranks_of(result):.4g} GB/s",
    )


def prefill_faster_than_memory(run: Run) -> Iterator[Finding]:
    """Prefill, too, has to read the weights once: time to first token cannot be less than that.

    Of the model's bytes a table may be left out, of which only rows are read: half of them count.
    """
    result = run.result
    ceiling = result.device_bandwidth_gb_per_second
    if not result.ttft_seconds or not ceiling or not result.model_bytes:
        return
    least = result.model_bytes * MULTIPLIED / (ceiling * 1e9 * ranks_of(result))
    yield from beyond(
        run,
        least / result.ttft_seconds,
        f"its first token came after {result.ttft_seconds * 1e3:.4g} ms, and to read half of the "
        f"weights alone takes {least * 1e3:.4g} ms at the bandwidth that was measured",
    )


def beyond(run: Run, ratio: float, sentence: str) -> Iterator[Finding]:
    """What is to be said of a speed that is ``ratio`` times the most that was measured."""
    if ratio <= ABOVE:
        return
    busy = any(BUSY in warning for warning in run.result.warnings)
    certain = ratio > IMPOSSIBLE and not busy
    yield found("contradiction" if certain else "doubt", run, sentence, times=ratio)


def faster_than_the_data_sheet(run: Run) -> Iterator[Finding]:
    """A device in the tables, and a model that no cache holds: its memory is the bound."""
    result = run.result
    device, weights = device_of(result), (result.model_bytes or 0) / ranks_of(result)
    if device is None or weights < NO_CACHE:
        return
    for name, value in (
        ("weights were read at", (result.bandwidth_gb_per_second or 0) / ranks_of(result)),
        ("the device was measured to read", result.device_bandwidth_gb_per_second or 0),
    ):
        if value > ON_PAPER * device.bandwidth_gb_per_s:
            yield found(
                "contradiction",
                run,
                f"{name} {value:.4g} GB/s by each GPU, and the data sheet of {device.name} says "
                f"{device.bandwidth_gb_per_s:.4g} GB/s",
                source=device.sources.get("bandwidth_gb_per_s", ""),
            )
            return


def faster_than_the_units(run: Run) -> Iterator[Finding]:
    """More FLOP/s than the device has: 2 for each weight and token, in prefill and in decode.

    What is computed in fewer bits than 16 is computed in 16 by this engine, and fp32 never faster.
    """
    result = run.result
    device = device_of(result)
    if device is None or not result.model_parameters:
        return
    peak = device.peak_flops(16) * ranks_of(result)
    of_a_token = 2 * weights_multiplied(result)
    decode = result.total_tokens_per_second or result.tokens_per_second or 0.0
    prefill = (result.prompt_tokens or 0) / result.ttft_seconds if result.ttft_seconds else 0.0
    for name, speed in (("decode", decode), ("prefill", prefill)):
        if speed * of_a_token > ON_PAPER * peak:
            yield found(
                "contradiction",
                run,
                f"{name} of {speed:.4g} tokens/s takes {speed * of_a_token / 1e12:.4g} TFLOP/s, "
                f"and the data sheet of {device.name} says {peak / 1e12:.4g}",
                source=device.sources.get("fp16_tflops", ""),
            )
            return


def weights_multiplied(result: Result) -> float:
    """Weights that each token is multiplied by; half of the parameters of an unknown model."""
    shape = shape_of(result)
    if shape is None:
        return MULTIPLIED * (result.model_parameters or 0)
    return shape.layers * shape.layer_weights


def device_of(result: Result) -> Device | None:
    """The GPU in the tables that a record names; a CPU's entry there is one socket of several."""
    if result.threads is not None or not result.device or len(result.device) > LONGEST_NAME:
        return None
    try:
        device = find_device(result.device)
    except RooflineError:
        return None
    return device if device.kind == "gpu" else None


def ranks_of(result: Result) -> int:
    return max(1, result.world_size or 1)


CHECKS: tuple[Check, ...] = (
    faster_than_memory,
    prefill_faster_than_memory,
    faster_than_the_data_sheet,
    faster_than_the_units,
)
