"""This machine, measured: bandwidth and FLOP/s, in a few seconds."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import torch

    from workshop.roofline.device import Device

SIDE = {"cpu": 1024, "cuda": 8192, "mps": 4096}  # of the square matrices that are multiplied
SECONDS = 1.0  # for each precision
LOOKS = 5
GB, TERA = 1e9, 1e12


def this_machine(size: int) -> Device:
    """The device that a run would take here; ``size`` is the bytes of weights that it would read.

    On a CPU what fits the caches is read several times as fast as main memory, so bandwidth is
    measured at the model's own size.
    """
    import torch

    from workshop.roofline.device import Device, find_device
    from workshop.roofline.errors import RooflineError
    from workshop.runner import machine

    click.echo("Measuring this machine for a few seconds ...", err=True)
    place = machine.pick_device("auto")
    name = machine.device_name(place)
    # Others may be busy here for a moment: the best of a few looks.
    looks = [machine.read_bandwidth(place, size) for _ in range(LOOKS)]
    bandwidth = max(looks, key=lambda look: look.gb_per_second)
    plain = torch.bfloat16 if machine.has_bfloat16(place) else torch.float16
    fp16 = matmul_tflops(place, plain)
    fp32 = matmul_tflops(place, torch.float32)
    click.echo(
        f"{name}: {bandwidth.gb_per_second:.4g} GB/s ({bandwidth.source}), "
        f"{fp16:.4g} TFLOP/s in {str(plain).removeprefix('torch.')}, {fp32:.4g} in float32",
        err=True,
    )
    measured = Device(
        name=name,
        memory_gb=memory_gb(place),
        bandwidth_gb_per_s=bandwidth.gb_per_second,
        fp16_tflops=fp16,
        fp32_tflops=fp32,
        kind="cpu" if place.type == "cpu" else "gpu",
        cores=torch.get_num_threads(),
        measured=True,
        cuda=torch.version.cuda is not None,
        metal=place.type == "mps",
    )
    try:  # what cannot be measured on one GPU: its links, and its kind of memory
        known = find_device(name)
    except RooflineError:
        return measured
    return replace(
        measured,
        hbm=known.hbm,
        linked=known.linked,
        link_gb_per_s=known.link_gb_per_s,
        link_latency_us=known.link_latency_us,
        network_gb_per_s=known.network_gb_per_s,
        gpus_per_node=known.gpus_per_node,
    )


def matmul_tflops(place: torch.device, dtype: torch.dtype) -> float:
    """TFLOP/s of a product of square matrices: the best of as many as fit a second."""
    import torch

    from workshop.runner import machine

    side = SIDE[place.type]
    a = torch.randn(side, side, device=place).to(dtype)
    b = torch.randn(side, side, device=place).to(dtype)
    best, ends = float("inf"), time.perf_counter() + SECONDS
    rounds = 0
    while rounds < 3 or time.perf_counter() < ends:
        machine.synchronise(place)
        start = time.perf_counter()
        a @ b
        machine.synchronise(place)
        best = min(best, time.perf_counter() - start)
        rounds += 1
    return 2 * side**3 / best / TERA


def memory_gb(place: torch.device) -> float:
    """Memory of the GPU, or of the machine."""
    import torch

    if place.type == "cuda":
        return torch.cuda.get_device_properties(place).total_memory / GB
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GB
