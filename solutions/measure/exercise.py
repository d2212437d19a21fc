"""A stopwatch for generation on a device that works on its own, solved."""

import statistics
from collections.abc import Sequence
from typing import Any


def time_generation(device: Any, new_tokens: int) -> tuple[float, float]:
    device.synchronize()  # whatever ran before is done
    start = device.now()
    tokens = device.generate(new_tokens)
    next(tokens)
    device.synchronize()
    first = device.now()
    for _ in tokens:
        pass
    device.synchronize()
    return first - start, device.now() - first


def measure(device: Any, new_tokens: int, warm_up: int, samples: int) -> list[tuple[float, float]]:
    for _ in range(warm_up):
        time_generation(device, new_tokens)
    return [time_generation(device, new_tokens) for _ in range(samples)]


def tpot(decode_seconds: float, new_tokens: int) -> float:
    return decode_seconds / (new_tokens - 1)


def tokens_per_second(decode_seconds: float, new_tokens: int) -> float:
    return (new_tokens - 1) / decode_seconds


def latency(ttft: float, seconds_per_token: float, new_tokens: int) -> float:
    return ttft + seconds_per_token * (new_tokens - 1)


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    return statistics.fmean(values), statistics.stdev(values)
