"""What exchanging activations or gradients between devices takes."""

from __future__ import annotations

from workshop.roofline.device import Device
from workshop.roofline.efficiency import Efficiency

MICRO = 1e-6


def ring_all_reduce(
    size: float, ranks: int, bytes_per_second: float, hop_seconds: float = 0.0
) -> float:
    """Seconds of an all-reduce of ``size`` bytes around a ring.

    2 (n - 1) steps, each with 1/n of the bytes: a reduce-scatter, then an all-gather (Patarasuk
    and Yuan 2009, https://doi.org/10.1016/j.jpdc.2008.09.002). What large messages want.
    """
    steps = 2 * (ranks - 1)
    return steps * (hop_seconds + size / ranks / bytes_per_second)


def one_shot_all_reduce(
    size: float, ranks: int, bytes_per_second: float, latency_seconds: float = 0.0
) -> float:
    """Seconds of an all-reduce in which every rank reads what every other one has.

    One step, n - 1 times the bytes (as in PyTorch's symmetric memory and TensorRT-LLM's custom
    all-reduce). What the few kilobytes of a decode step want.
    """
    if ranks == 1:
        return 0.0
    return latency_seconds + (ranks - 1) * size / bytes_per_second


def all_reduce(size: float, ranks: int, nodes: int, device: Device, reached: Efficiency) -> float:
    """Seconds of an all-reduce over ``ranks``, spread over ``nodes``: the faster of both kinds.

    Between nodes it goes over the network after the nodes have added up their own.
    """
    if ranks == 1:
        return 0.0
    inside = ranks // nodes if nodes > 1 else ranks
    seconds = _within_node(size, inside, device, reached)
    if nodes > 1:
        latency = reached.network_seconds
        if latency is None:
            latency = device.network_latency_us * MICRO
        speed = device.network_gb_per_s * 1e9 * reached.link
        seconds += min(
            one_shot_all_reduce(size, nodes, speed, latency),
            ring_all_reduce(size, nodes, speed, latency),
        )
    return seconds


def _within_node(size: float, ranks: int, device: Device, reached: Efficiency) -> float:
    if ranks == 1:
        return 0.0
    if device.kind == "cpu":
        latency = reached.cpu_all_reduce_seconds
    else:
        latency = reached.all_reduce_seconds if device.linked else reached.unlinked_seconds
    if latency is None:
        latency = device.link_latency_us * MICRO
    speed = device.link_gb_per_s * 1e9 * reached.link
    return min(
        one_shot_all_reduce(size, ranks, speed, latency),
        ring_all_reduce(size, ranks, speed, latency),
    )
