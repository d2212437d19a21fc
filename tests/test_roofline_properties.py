"""What holds for every model, device and workload."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from roofline_builders import device

from workshop.roofline.device import Device
from workshop.roofline.efficiency import IDEAL, Efficiency, expected
from workshop.roofline.inference import Prediction, predict
from workshop.roofline.memory import memory_of
from workshop.roofline.precision import PRECISIONS, precision
from workshop.roofline.shape import Shape
from workshop.roofline.speculative import Speculation, expected_tokens, speedup
from workshop.roofline.training import Cluster, Recipe, train
from workshop.roofline.workload import Plan, Workload

HEADS = (8, 16, 32, 64)
shapes = st.builds(
    lambda heads, size, layers, group, hidden, vocab, tied, gated: Shape(
        "any",
        heads * size,
        layers,
        heads,
        heads // group,
        size,
        64 * hidden,
        vocab,
        2048,
        gated,
        tied,
    ),
    st.sampled_from(HEADS),
    st.sampled_from((64, 128)),
    st.integers(1, 90),
    st.sampled_from((1, 2, 4, 8)),
    st.integers(1, 400),
    st.integers(100, 200_000),
    st.booleans(),
    st.booleans(),
)
works = st.builds(Workload, st.integers(1, 64), st.integers(1, 4096), st.integers(1, 1024))
plans = st.builds(
    lambda dtype, compiled, tp: Plan(precision(dtype), compiled, tp),
    st.sampled_from(PRECISIONS),
    st.booleans(),
    st.sampled_from((1, 2, 4, 8)),
)
gpus = st.sampled_from(
    [device(name) for name in ("a100", "h100", "mi250x", "rtx-4090", "a10g", "epyc-9654", "v100")]
)
readings = st.sampled_from([IDEAL, expected()])


def seconds(found: Prediction) -> tuple[float, float]:
    return found.ttft_seconds, found.tpot_seconds


def no_slower(one: Prediction, other: Prediction) -> bool:
    return all(a <= b * (1 + 1e-9) for a, b in zip(seconds(one), seconds(other), strict=True))


@given(shapes, gpus, works, plans, readings, st.floats(1, 100))
@settings(deadline=None)
def test_more_bandwidth_is_never_slower(
    shape: Shape, gpu: Device, work: Workload, plan: Plan, reached: Efficiency, more: float
) -> None:
    faster = replace(gpu, bandwidth_gb_per_s=gpu.bandwidth_gb_per_s * more)
    assert no_slower(
        predict(shape, faster, work, plan, reached), predict(shape, gpu, work, plan, reached)
    )


@given(shapes, gpus, works, plans, readings, st.floats(1, 100))
@settings(deadline=None)
def test_nor_are_more_flops_or_a_faster_link(
    shape: Shape, gpu: Device, work: Workload, plan: Plan, reached: Efficiency, more: float
) -> None:
    plain = predict(shape, gpu, work, plan, reached)
    for better in (
        replace(gpu, fp16_tflops=gpu.fp16_tflops * more),
        replace(gpu, fp32_tflops=gpu.fp32_tflops * more),
        replace(gpu, link_gb_per_s=gpu.link_gb_per_s * more),
    ):
        assert no_slower(predict(shape, better, work, plan, reached), plain)


@given(shapes, gpus, works, plans)
@settings(deadline=None)
def test_the_expected_is_never_faster_than_the_ideal(
    shape: Shape, gpu: Device, work: Workload, plan: Plan
) -> None:
    ideal, likely = (predict(shape, gpu, work, plan, one) for one in (IDEAL, expected()))
    assert no_slower(ideal, likely)
    assert likely.max_batch <= ideal.max_batch
    assert likely.mbu <= ideal.mbu <= 1 + 1e-9
    assert likely.mfu <= ideal.mfu <= 1 + 1e-9


@given(shapes, gpus, works, plans, readings)
@settings(deadline=None)
def test_the_components_add_up(
    shape: Shape, gpu: Device, work: Workload, plan: Plan, reached: Efficiency
) -> None:
    found = predict(shape, gpu, work, plan, reached)
    assert sum(found.breakdown_seconds.values()) == pytest.approx(found.tpot_seconds)
    assert sum(found.prefill_breakdown_seconds.values()) == pytest.approx(found.ttft_seconds)
    assert found.tokens_per_second * found.tpot_seconds == pytest.approx(1)
    assert min(found.breakdown_seconds.values()) >= 0


@given(shapes, works, plans)
def test_memory_is_additive(shape: Shape, work: Workload, plan: Plan) -> None:
    one, two = (
        memory_of(shape, plan, replace(work, batch=batch)) for batch in (work.batch, 2 * work.batch)
    )
    assert one.total == one.weights + one.kv_cache + one.activations
    assert two.weights == one.weights
    assert two.kv_cache == pytest.approx(2 * one.kv_cache)
    deeper = replace(shape, layers=2 * shape.layers)
    layers = memory_of(deeper, plan, work).weights - memory_of(shape, plan, work).weights
    single = replace(shape, layers=1)
    both = memory_of(replace(shape, layers=2), plan, work).weights
    assert layers == pytest.approx(
        shape.layers * (both - memory_of(single, plan, work).weights), rel=1e-6
    )


@given(shapes, gpus, works, st.sampled_from(PRECISIONS), readings)
@settings(deadline=None)
def test_one_rank_is_no_tensor_parallelism(
    shape: Shape, gpu: Device, work: Workload, dtype: str, reached: Efficiency
) -> None:
    alone = predict(shape, gpu, work, Plan(precision(dtype)), reached)
    same = predict(shape, gpu, work, Plan(precision(dtype), tp=1, nodes=1), reached)
    assert alone == same
    assert alone.breakdown_seconds["all_reduce"] == 0
    # Nor does a link change anything that nobody uses.
    slower = replace(gpu, link_gb_per_s=0.001, link_latency_us=1e6, linked=not gpu.linked)
    assert predict(shape, slower, work, Plan(precision(dtype)), reached) == alone


@given(shapes, gpus, works, plans, readings)
@settings(deadline=None)
def test_a_batch_of_the_largest_size_fits_and_a_larger_one_does_not(
    shape: Shape, gpu: Device, work: Workload, plan: Plan, reached: Efficiency
) -> None:
    most = predict(shape, gpu, work, plan, reached).max_batch
    room = gpu.memory * reached.usable_memory
    if most:
        assert memory_of(shape, plan, replace(work, batch=most)).total <= room * (1 + 1e-9)
    assert memory_of(shape, plan, replace(work, batch=most + 1)).total >= room * (1 - 1e-9)


@given(st.floats(0, 1), st.integers(1, 16))
def test_speculation_gives_a_token_at_least_and_one_more_than_guesses_at_most(
    acceptance: float, guesses: int
) -> None:
    assert 1 <= expected_tokens(acceptance, guesses) <= guesses + 1
    assert expected_tokens(acceptance, guesses) <= expected_tokens(acceptance, guesses + 1)
    assert speedup(acceptance, guesses, 1.0) <= 1 + 1e-9  # a draft as slow as the model never pays


@given(shapes, gpus, works, plans, readings, st.integers(1, 8))
@settings(deadline=None)
def test_speculation_that_guesses_better_is_never_slower(
    shape: Shape, gpu: Device, work: Workload, plan: Plan, reached: Efficiency, k: int
) -> None:
    draft = replace(shape, layers=1)
    speeds = [
        predict(shape, gpu, work, plan, reached, Speculation(draft, k, a)).tokens_per_second
        for a in (0.0, 0.5, 0.9, 1.0)
    ]
    assert speeds == sorted(speeds)


@given(shapes, st.sampled_from((8, 16, 64)), st.floats(1e9, 1e13))
def test_gpu_hours_follow_the_tokens_and_not_how_many_gpus_share_them(
    shape: Shape, gpus: int, tokens: float
) -> None:
    recipe = Recipe(sequence=2048)
    one = train(shape, Cluster(device(), gpus), recipe, tokens)
    two = train(shape, Cluster(device(), gpus), recipe, 2 * tokens)
    assert two.gpu_hours == pytest.approx(2 * one.gpu_hours)
    assert one.mfu <= 1
    assert sum(one.breakdown_seconds.values()) == pytest.approx(one.step_seconds)
