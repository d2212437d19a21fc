"""What a pass on a CPU takes: bytes, bits, tokens, calls, ranks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from roofline_builders import device, plan

from workshop.roofline.device import Device, measured_cpu
from workshop.roofline.efficiency import IDEAL, Efficiency, expected
from workshop.roofline.explain import explained
from workshop.roofline.inference import predict
from workshop.roofline.models import find_model
from workshop.roofline.passes import FEW_TOKENS, model_pass
from workshop.roofline.workload import Workload

CPU = measured_cpu("a CPU", 40.0, 4)
TINY = find_model("tiny")
WEIGHTS = TINY.layers * sum(one.weights for one in (*TINY.attention, *TINY.mlp))


def seconds(
    reached: Efficiency,
    dtype: str = "w8a16",
    tokens: int = 1,
    on: Device = CPU,
    compiled: bool = True,
    tp: int = 1,
) -> float:
    """Of a pass of that many tokens of one sequence, at the beginning of a text."""
    way = plan(dtype, compiled=compiled, tp=tp)
    return model_pass(TINY, on, way, reached, 1, tokens, 0).seconds


def test_cores_bound_a_step_where_they_are_slower_than_memory() -> None:
    """40 GB/s are 100 ps a byte for each of four cores."""
    slower, faster = (replace(IDEAL, cpu_byte_seconds=one) for one in (200e-12, 50e-12))
    assert seconds(slower) == pytest.approx(2 * seconds(IDEAL))
    assert seconds(faster) == seconds(IDEAL)
    assert seconds(slower, compiled=False) == seconds(IDEAL, compiled=False)
    assert seconds(slower, on=replace(CPU, cores=8)) == pytest.approx(seconds(IDEAL))
    library = replace(IDEAL, cpu_eager_byte_seconds=300e-12)
    assert seconds(library, compiled=False) == pytest.approx(3 * seconds(IDEAL))
    work = Workload(prompt=6, new_tokens=10)
    bounds = [predict(TINY, CPU, work, plan(), one).bound for one in (faster, slower)]
    assert bounds == ["memory bandwidth", "compute"]


def test_of_a_bandwidth_on_paper_a_part_is_reached() -> None:
    reached = replace(IDEAL, plain_memory=0.8)
    assert seconds(reached) == seconds(IDEAL)
    assert seconds(reached, on=replace(CPU, measured=False)) == pytest.approx(seconds(IDEAL) / 0.8)


def test_weights_of_four_bits_are_unpacked_by_all_cores() -> None:
    unpacking = replace(IDEAL, cpu_unpack_seconds=1e-10)
    added = seconds(unpacking, "w4a16") - seconds(IDEAL, "w4a16")
    assert added == pytest.approx((WEIGHTS + TINY.head.weights) * 1e-10 / 4)
    for dtype in ("w16a16", "w8a16"):
        assert seconds(unpacking, dtype) == seconds(IDEAL, dtype)
    one_core = replace(CPU, cores=1)
    found = seconds(unpacking, "w4a16", on=one_core) - seconds(IDEAL, "w4a16")
    assert found == pytest.approx(4 * added)


def test_a_few_tokens_are_multiplied_while_a_weight_is_there() -> None:
    each = replace(IDEAL, cpu_token_seconds=1e-10)
    for tokens in (1, 2, 4, FEW_TOKENS):
        added = seconds(each, tokens=tokens) - seconds(IDEAL, tokens=tokens)
        assert added == pytest.approx((tokens - 1) * WEIGHTS * 1e-10 / 4)
    many = seconds(each, tokens=100) - seconds(IDEAL, tokens=100)  # a library's, at FLOP/s
    assert many == pytest.approx((FEW_TOKENS - 1) * WEIGHTS * 1e-10 / 4)


def test_ranks_share_the_weights_and_wait_for_each_other() -> None:
    """Two ranks with half of the cores and of the bandwidth each are no faster, and wait."""
    reached = replace(IDEAL, cpu_all_reduce_seconds=1e-5, cpu_byte_seconds=3e-10)
    rank = measured_cpu("a CPU", 20.0, 2)
    alone, shared = (
        model_pass(TINY, on, plan("w8a16", tp=tp), reached, 1, 1, 0).breakdown
        for on, tp in ((CPU, 1), (rank, 2))
    )
    assert shared["mlp"] == pytest.approx(alone["mlp"])
    assert shared["all_reduce"] == pytest.approx(2 * TINY.layers * 1e-5, rel=0.02)
    assert "all_reduce" not in alone or alone["all_reduce"] == 0


def test_calls_from_python_are_an_eager_step_s() -> None:
    slow = replace(IDEAL, cpu_launch_seconds=1e-5)
    assert seconds(slow) == seconds(IDEAL)
    added = seconds(slow, compiled=False) - seconds(IDEAL, compiled=False)
    assert added == pytest.approx((46 * TINY.layers + 6) * 1e-5)


@pytest.mark.parametrize("dtype", ["w16a16", "w8a16", "w4a16"])
def test_a_gpu_s_predictions_hang_on_none_of_it(dtype: str) -> None:
    other = replace(
        expected(),
        cpu_byte_seconds=1.0,
        cpu_eager_byte_seconds=1.0,
        cpu_unpack_seconds=1.0,
        cpu_token_seconds=1.0,
        cpu_kernel_seconds=1.0,
        cpu_launch_seconds=1.0,
        cpu_all_reduce_seconds=1.0,
    )
    model, work, way = find_model("llama-2-7b"), Workload(batch=4), plan(dtype, tp=2)
    found, same = (predict(model, device(), work, way, reached) for reached in (expected(), other))
    assert found == same


def test_the_arithmetic_of_a_cpu_is_written_out() -> None:
    reached = replace(IDEAL, cpu_unpack_seconds=2e-11, cpu_token_seconds=1e-11)
    reached = replace(reached, cpu_kernel_seconds=2e-6)
    work = Workload(batch=4, prompt=6, new_tokens=10)
    reached = replace(reached, cpu_byte_seconds=3e-10)
    text = "\n".join(explained(TINY, CPU, work, plan("w4a16"), reached))
    assert "; the cores take " in text
    assert "G weights x 20 ps / 4 cores to unpack" in text
    assert "G weights x 3 x 10 ps / 4 cores for further tokens" in text
    assert "launch_overhead: 60 kernels x 2 us = 0.12 ms" in text
