"""Training: 6 x tokens x parameters, what is exchanged meanwhile, and what must be in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from roofline_builders import device

from workshop.roofline.efficiency import expected
from workshop.roofline.errors import RooflineError
from workshop.roofline.models import find_model
from workshop.roofline.training import (
    Cluster,
    Recipe,
    attention_flop,
    bubble,
    forward_flop,
    layout_of,
    train,
)
from workshop.roofline.training_memory import (
    fits,
    more_gpus,
    smallest_change,
    training_memory,
)

SHAPE = find_model("llama-7b")


def cluster(gpus: int, gpu: str = "a100-sxm-80gb") -> Cluster:
    return Cluster(device(gpu), gpus)


def test_a_step_is_six_flop_a_token_and_parameter_and_attention() -> None:
    recipe = Recipe(recompute="none", batch_tokens=2**20)
    found = train(SHAPE, cluster(64), recipe, 1e12)
    flop = 6 * found.step_tokens * SHAPE.parameters
    attention = 3 * found.step_tokens * attention_flop(SHAPE, 2048)
    computing = found.breakdown_seconds["forward"] + found.breakdown_seconds["backward"]
    assert computing == pytest.approx((flop + attention) / 64 / 312e12)
    # 12 L h s FLOP a token of PaLM's count, halved: nobody looks ahead.
    assert attention_flop(SHAPE, 2048) * 3 == pytest.approx(6 * 32 * 4096 * 2048, rel=0.001)


def test_recomputing_everything_adds_a_forward_pass_and_selective_attention_alone() -> None:
    def again(how: str) -> float:
        recipe = Recipe(recompute=how)  # type: ignore[arg-type]
        return train(SHAPE, cluster(8), recipe, 1e9).breakdown_seconds["recompute"]

    forward = train(SHAPE, cluster(8), Recipe(), 1e9).breakdown_seconds["forward"]
    assert again("none") == 0
    assert again("full") == pytest.approx(forward)
    share = attention_flop(SHAPE, 2048) / forward_flop(SHAPE, 2048)
    assert again("selective") == pytest.approx(forward * share)


def test_model_flops_leave_out_what_is_computed_twice() -> None:
    plain, twice = (
        train(SHAPE, cluster(8), Recipe(recompute=how), 1e9)  # type: ignore[arg-type]
        for how in ("none", "full")
    )
    assert twice.mfu == pytest.approx(plain.mfu * 3 / 4, rel=0.01)


def test_sixteen_bytes_a_parameter_which_zero_shares_out() -> None:
    def held(zero: int) -> tuple[float, ...]:
        layout = layout_of(SHAPE, cluster(64), Recipe(zero=zero))
        memory = training_memory(SHAPE, layout)
        one = SHAPE.parameters
        return memory.weights / one, memory.gradients / one, memory.optimizer / one

    assert held(0) == pytest.approx((2, 2, 12))
    assert held(1) == pytest.approx((2, 2, 12 / 64))
    assert held(2) == pytest.approx((2, 2 / 64, 12 / 64))
    assert held(3) == pytest.approx((2 / 64, 2 / 64, 12 / 64))


def test_activations_of_gpt3_are_those_of_the_paper() -> None:
    # Korthikanti et al. 2022: 34 s b h a layer with dropout's masks, of which 2 are not here, and
    # the scores 5 a s / h times as much, of which one byte is a mask.
    shape = replace(find_model("gpt3-175b"), vocab=1)
    for recompute, bytes_a_token in (("selective", 32), ("none", 32 + 4 * 96 * 2048 / 12288)):
        recipe = Recipe(tp=8, recompute=recompute)  # type: ignore[arg-type]
        layout = layout_of(shape, cluster(8), recipe)
        kept = training_memory(shape, layout).activations
        expected_bytes = 96 * 2048 * 12288 * bytes_a_token / 8
        assert kept == pytest.approx(expected_bytes, rel=0.07)


def test_recomputing_and_sharing_need_less_memory() -> None:
    def activations(**options: object) -> float:
        layout = layout_of(SHAPE, cluster(64), Recipe(**options))  # type: ignore[arg-type]
        return training_memory(SHAPE, layout).activations

    assert activations(recompute="full") < activations(recompute="selective")
    assert activations(recompute="selective") < activations(recompute="none")
    assert activations(tp=8) < activations() / 7
    assert activations(micro_batch=2) == pytest.approx(2 * activations())


def test_stages_wait_for_each_other_less_with_more_micro_batches() -> None:
    few, many = (
        layout_of(SHAPE, cluster(8), Recipe(pp=8, batch_tokens=tokens)) for tokens in (2e5, 4e6)
    )
    assert bubble(SHAPE, many) < bubble(SHAPE, few)
    # (p - 1) / (v m): 8 stages of 4 chunks.
    assert bubble(SHAPE, few) == pytest.approx(7 / (4 * few.micro_batches))


def test_communication_counts_where_computing_does_not_hide_it() -> None:
    slow = replace(device(), link_gb_per_s=0.5)
    hidden, bare = (train(SHAPE, Cluster(one, 8), Recipe(tp=8), 1e9) for one in (device(), slow))
    assert hidden.breakdown_seconds["tensor_parallel"] == 0
    assert hidden.hidden_seconds["tensor_parallel"] > 0
    assert bare.breakdown_seconds["tensor_parallel"] > 0
    assert bare.gpu_hours > hidden.gpu_hours


def test_copies_in_a_node_share_its_network_adapters() -> None:
    one_node, two = (
        train(SHAPE, cluster(gpus), Recipe(batch_tokens=2048.0 * gpus), 1e9).hidden_seconds
        for gpus in (8, 16)
    )
    gradients = 2 * SHAPE.parameters
    assert one_node["data_parallel"] == pytest.approx(2 * 7 / 8 * gradients / 300e9)
    assert two["data_parallel"] == pytest.approx(2 * 15 / 16 * gradients / 200e9)


def test_what_fits_is_told_and_the_smallest_change_that_would() -> None:
    large = find_model("llama-65b")
    assert fits(SHAPE, cluster(8), layout_of(SHAPE, cluster(8), Recipe(zero=2)))
    assert not fits(large, cluster(2048), layout_of(large, cluster(2048), Recipe()))
    words = smallest_change(large, cluster(2048), Recipe())
    assert words == ("--zero 3",)
    changed = Recipe(zero=3)
    assert fits(large, cluster(2048), layout_of(large, cluster(2048), changed))


def test_two_options_are_changed_where_one_does_not_do() -> None:
    words = smallest_change(find_model("gpt3-175b"), cluster(64), Recipe())
    assert words is not None
    assert len(words) == 2


def test_where_nothing_helps_it_is_said_how_many_gpus_would() -> None:
    large = find_model("llama-65b")
    assert smallest_change(large, cluster(8), Recipe()) is None
    found = more_gpus(large, cluster(8), Recipe(dp=8))
    assert found is not None
    gpus, words = found
    assert gpus == 16  # 16 bytes of each of 65 G parameters are thirteen times 80 GB
    assert words == smallest_change(large, cluster(16), Recipe())
    assert more_gpus(SHAPE, cluster(1), Recipe(zero=2)) == (2, ())


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (Recipe(tp=8, pp=8, dp=8), "tp 8 x pp 8 x dp 8 are 512 GPUs, and there are 64"),
        (Recipe(tp=3), "tp 3 x pp 1 x dp 21 are 63 GPUs"),
        (Recipe(pp=64), "32 layers do not make 64 stages"),
        (Recipe(tp=64), "64 ranks cannot share the 32 heads of llama-7b"),
    ],
)
def test_a_recipe_that_does_not_go_together_is_refused(recipe: Recipe, said: str) -> None:
    with pytest.raises(RooflineError, match=said):
        layout_of(SHAPE, cluster(64), recipe)


@pytest.mark.parametrize(
    "options", [{"zero": 4}, {"recompute": "some"}, {"tp": 0}, {"micro_batch": 0}]
)
def test_so_is_one_that_cannot_be(options: dict) -> None:
    with pytest.raises(RooflineError):
        Recipe(**options)


def test_an_h100_trains_about_three_times_as_fast() -> None:
    old, new = (
        train(SHAPE, cluster(64, gpu), Recipe(), 1e12, expected()).gpu_hours
        for gpu in ("a100-sxm-80gb", "h100-sxm-80gb")
    )
    assert new / old == pytest.approx(312 / 989, rel=0.05)
