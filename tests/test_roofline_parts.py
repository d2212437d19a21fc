"""Shapes, precisions, memory, links and speculation: each number follows from others on paper."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from roofline_builders import SMALL, device, plan, predicted

from workshop.llm.shapes import SHAPES
from workshop.roofline.communication import all_reduce, one_shot_all_reduce, ring_all_reduce
from workshop.roofline.efficiency import IDEAL, Efficiency, expected
from workshop.roofline.errors import RooflineError
from workshop.roofline.inference import predict, weights_read
from workshop.roofline.memory import kv_bytes_per_token, memory_of, weight_bytes
from workshop.roofline.models import find_model, from_hugging_face, known_models
from workshop.roofline.passes import kernels
from workshop.roofline.precision import Precision, precision
from workshop.roofline.shape import Shape
from workshop.roofline.speculative import (
    Speculation,
    acceptance_of,
    expected_tokens,
    speedup,
)
from workshop.roofline.sweep import sweep
from workshop.roofline.workload import Plan, Workload, nodes_for

TINY = Path(__file__).parent.parent / "workshop" / "tiny" / "weights"


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("llama-7b", 6.7e9),
        ("llama-13b", 13.0e9),
        ("llama-33b", 32.5e9),
        ("llama-65b", 65.2e9),
        ("llama-2-70b", 69.0e9),
        ("llama-3.1-8b", 8.03e9),
        ("llama-3.1-70b", 70.6e9),
        ("llama-3.1-405b", 405e9),
        ("llama-3.2-1b", 1.24e9),
        ("llama-3.2-3b", 3.21e9),
        ("mistral-7b", 7.24e9),
        ("gemma-7b", 8.54e9),
        ("codellama-34b", 33.7e9),
        ("tinyllama-1.1b", 1.1e9),
        ("gpt3-175b", 175e9),
        ("gpt-1t", 1e12),
    ],
)
def test_known_models_have_the_parameters_that_are_published(model: str, parameters: float) -> None:
    assert find_model(model).parameters == pytest.approx(parameters, rel=0.01)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_the_engine_is_known_and_the_same(name: str) -> None:
    ours, theirs = find_model(f"random:{name}"), SHAPES[name]
    assert (ours.dim, ours.layers, ours.heads, ours.kv_heads, ours.hidden, ours.vocab) == (
        theirs.dim,
        theirs.layers,
        theirs.heads,
        theirs.kv_heads,
        theirs.hidden,
        theirs.vocab,
    )
    assert ours.parameters == theirs.parameters
    assert ours.context == theirs.context


@pytest.mark.parametrize(("name", "folder"), [("tiny:1", "verifier"), ("tiny-draft", "draft")])
def test_the_embedded_pair_is_known_by_name_by_directory_and_by_config(
    name: str, folder: str
) -> None:
    known = replace(find_model(name), draft=None)
    for path in (TINY / folder, TINY / folder / "config.json"):
        assert replace(find_model(str(path)), name=name) == known


def test_every_draft_that_is_named_is_known_and_has_the_tokenizer_of_its_model() -> None:
    for shape in known_models().values():
        if shape.draft:
            draft = find_model(shape.draft)
            assert draft.vocab == shape.vocab
            assert draft.parameters < shape.parameters


GEMMA = {
    "model_type": "gemma",
    "hidden_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "head_dim": 256,
    "intermediate_size": 24576,
    "vocab_size": 256000,
    "max_position_embeddings": 8192,
}


def test_a_hugging_face_config_gives_the_shape() -> None:
    assert replace(from_hugging_face(GEMMA, "gemma-7b"), draft="gemma-2b") == find_model("gemma-7b")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "mixtral"}, "model_type is 'mixtral'"),
        ({"hidden_size": None}, "hidden_size"),
        ({"num_hidden_layers": 0}, "layers of gemma-7b must be a whole number above 0, not '0'"),
        ({"num_key_value_heads": 3}, "16 heads of gemma-7b cannot share 3 key/value heads"),
        ({"vocab_size": "many"}, "vocab of gemma-7b must be a whole number above 0, not 'many'"),
    ],
)
def test_a_config_that_is_none_is_refused_in_a_sentence(change: dict, said: str) -> None:
    with pytest.raises(RooflineError, match=said):
        from_hugging_face({**GEMMA, **change}, "gemma-7b")


def test_a_field_that_is_missing_is_named() -> None:
    data = {key: value for key, value in GEMMA.items() if key != "vocab_size"}
    with pytest.raises(RooflineError, match="vocab_size missing"):
        from_hugging_face(data, "gemma-7b")


@pytest.mark.parametrize("content", ["[]", "{", "\x00", json.dumps({"model_type": []})])
def test_a_file_that_is_no_config_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(RooflineError, match=r"config\.json"):
        find_model(str(path))


def test_an_unknown_model_is_refused_with_the_list() -> None:
    with pytest.raises(RooflineError, match=r"did you mean llama-2-7b\?.*llama-65b.*tiny"):
        find_model("lama-2-7b")


# ---- precisions and bytes


@pytest.mark.parametrize(("group", "bits"), [(32, 5.0), (64, 4.5), (128, 4.25)])
def test_int4_counts_the_scale_and_the_zero_of_each_group(group: int, bits: float) -> None:
    assert Precision(4, 16, group).weight_bytes(4096, 4096) * 8 / 4096**2 == bits


def test_int8_counts_a_scale_for_each_output_channel() -> None:
    assert Precision(8, 16).weight_bytes(100, 7) == 100 * 7 + 7 * 2


def test_a_product_is_computed_in_the_wider_precision() -> None:
    assert [precision(one).compute_bits for one in ("w4a16", "w4a8", "w8a8", "w4a4")] == [
        16,
        8,
        8,
        4,
    ]


@pytest.mark.parametrize("text", ["w16", "w16a", "int8", "w3a16", ""])
def test_what_is_no_precision_is_refused(text: str) -> None:
    with pytest.raises(RooflineError):
        precision(text)


@pytest.mark.parametrize(
    ("model", "dtype", "tp", "total"),
    [  # of the records in plots/logs: all ranks together
        ("tiny:1", "w16a16", 1, 13_934_720),
        ("tiny:1", "w8a16", 1, 7_663_488),
        ("tiny", "w16a16", 1, 217_612_800),
        ("tiny", "w8a16", 1, 110_274_048),
        ("tiny", "w8a16", 2, 114_272_256),
        ("tiny-draft", "w8a16", 1, 1_387_136),
        ("tiny:1", "w8a16", 2, 8_664_576),
    ],
)
def test_weights_are_those_that_the_engine_counted(
    model: str, dtype: str, tp: int, total: int
) -> None:
    held = weight_bytes(find_model(model), plan(dtype, tp=tp)) * tp
    assert held == pytest.approx(total, rel=0.002)


def test_an_input_embedding_is_a_table_of_which_a_step_reads_a_row() -> None:
    shape = find_model("llama-2-7b")
    table = shape.vocab * shape.dim * 2
    assert weights_read(shape, plan()) == weight_bytes(shape, plan()) - table
    tied = replace(shape, tied=True)
    assert weights_read(tied, plan()) == weight_bytes(tied, plan())


def test_ranks_share_layers_and_cache_but_never_less_than_a_head() -> None:
    shape = find_model("llama-2-70b")  # 8 key and value heads
    alone = memory_of(shape, plan(), Workload())
    shared = memory_of(shape, plan(tp=8), Workload())
    assert shared.kv_cache == alone.kv_cache / 8
    assert memory_of(shape, plan(tp=16), Workload()).kv_cache == shared.kv_cache
    ends = 2 * shape.head.weights + shape.norm_weights  # whole on each rank
    assert shared.weights - 2 * ends == pytest.approx((alone.weights - 2 * ends) / 8)


def test_keys_and_values_have_the_bits_of_activations() -> None:
    shape = find_model("llama-2-7b")
    assert kv_bytes_per_token(shape, plan("w8a16")) == 2 * 32 * 32 * 128 * 2
    assert kv_bytes_per_token(shape, plan("w8a8")) == 2 * 32 * 32 * 128


# ---- links


def test_a_ring_sends_each_byte_twice_and_a_little_less() -> None:
    assert ring_all_reduce(1e9, 4, 100e9) == pytest.approx(2 * 3 / 4 * 1e9 / 100e9)
    assert ring_all_reduce(0, 4, 100e9, 1e-6) == pytest.approx(6e-6)


def test_one_shot_has_one_message_and_reads_what_all_others_have() -> None:
    assert one_shot_all_reduce(1e9, 4, 100e9, 8e-6) == pytest.approx(8e-6 + 3e9 / 100e9)


def test_small_messages_go_in_one_shot_and_large_ones_around_a_ring() -> None:
    gpu = device()
    small, large = 8192.0, 1e9
    assert all_reduce(small, 8, 1, gpu, IDEAL) == one_shot_all_reduce(small, 8, 300e9, 8e-6)
    assert all_reduce(large, 8, 1, gpu, IDEAL) == ring_all_reduce(large, 8, 300e9, 8e-6)
    assert all_reduce(small, 1, 1, gpu, IDEAL) == 0


def test_ranks_take_as_few_nodes_as_hold_them_evenly() -> None:
    assert [nodes_for(ranks, 8) for ranks in (1, 8, 9, 16, 12)] == [1, 1, 3, 2, 2]


def test_more_nodes_are_slower_than_one() -> None:
    one, two = (predicted(tp=8, nodes=nodes, reached=expected()) for nodes in (1, 2))
    assert two.breakdown_seconds["all_reduce"] > one.breakdown_seconds["all_reduce"]
    assert two.breakdown_seconds["mlp"] == one.breakdown_seconds["mlp"]


def test_two_all_reduces_a_layer() -> None:
    found = predicted(tp=2)
    each = all_reduce(4096 * 2, 2, 1, device(), IDEAL)
    assert found.breakdown_seconds["all_reduce"] == pytest.approx(2 * 32 * each)


# ---- kernels


def test_eager_waits_for_python_and_a_graph_does_not() -> None:
    eager, graph = (predicted(reached=expected(), compiled=one) for one in (False, True))
    assert eager.bound == "launch overhead"
    assert eager.tpot_seconds == pytest.approx(
        kernels(find_model("llama-2-7b"), plan(compiled=False)) * expected().launch_seconds
    )
    assert graph.bound == "memory bandwidth"


def test_eager_prefill_of_a_long_prompt_hides_python_behind_the_gpu() -> None:
    work = Workload(prompt=4096)
    eager, graph = (predicted(work=work, reached=expected(), compiled=one) for one in (False, True))
    assert eager.prefill_bound == "compute"
    assert eager.ttft_seconds < 1.05 * graph.ttft_seconds


def test_a_large_batch_turns_decode_from_memory_to_compute() -> None:
    bounds = [
        predicted(work=Workload(batch=batch, prompt=1, new_tokens=2)).bound for batch in (1, 1024)
    ]
    assert bounds == ["memory bandwidth", "compute"]


def test_a_small_model_on_many_ranks_is_bound_by_its_links() -> None:
    assert predicted("tinyllama-1.1b", tp=4).bound == "link"


# ---- speculation


def test_speculation_by_the_numbers_of_the_paper() -> None:
    assert expected_tokens(0.8, 5) == pytest.approx((1 - 0.8**6) / (1 - 0.8))
    assert expected_tokens(1.0, 5) == 6
    assert speedup(0.8, 5, 0.05) == pytest.approx(expected_tokens(0.8, 5) / (5 * 0.05 + 1))


@pytest.mark.parametrize("guesses", [1, 3, 8])
@pytest.mark.parametrize("acceptance", [0.0, 0.3, 0.9, 1.0])
def test_the_acceptance_rate_follows_from_how_many_were_accepted(
    acceptance: float, guesses: int
) -> None:
    accepted = expected_tokens(acceptance, guesses) - 1
    assert acceptance_of(accepted, guesses) == pytest.approx(acceptance, abs=1e-6)


def test_verifying_a_few_guesses_costs_about_a_step_and_a_draft_its_own_steps() -> None:
    shape = find_model("llama-2-70b")
    guessed = Speculation(find_model("llama-2-7b"), 4, 0.8)
    work, way, gpu = Workload(prompt=5), plan("w4a16", 32), device()
    plain = predict(shape, gpu, work, way)
    found = predict(shape, gpu, work, way, speculation=guessed)
    draft = predict(find_model("llama-2-7b"), gpu, work, way)
    tokens = expected_tokens(0.8, 4)
    assert found.tpot_seconds * tokens == pytest.approx(
        4 * draft.tpot_seconds + plain.tpot_seconds, rel=0.02
    )
    assert found.speedup == pytest.approx(plain.tpot_seconds / found.tpot_seconds)
    assert found.weights_gb == pytest.approx(plain.weights_gb + draft.weights_gb)


def test_gpt_fasts_speculation_of_the_70b_needs_an_acceptance_that_can_be() -> None:
    # 48.4 tokens/s with 4 guesses of a 7B, int4 both (README, scripts/speculate_70B_int4.sh).
    shape, work = find_model("llama-2-70b"), Workload(prompt=5, new_tokens=100)
    draft = find_model("llama-2-7b")
    speeds = [
        predict(
            shape, device(), work, plan("w4a16", 32), expected(), Speculation(draft, 4, a)
        ).tokens_per_second
        for a in (0.6, 0.95)
    ]
    assert speeds[0] < 48.4 < speeds[1]


def test_a_draft_as_large_as_its_model_loses() -> None:
    shape = find_model("llama-2-7b")
    found = predict(
        shape, device(), Workload(), plan("w8a16"), speculation=Speculation(shape, 3, 0.7)
    )
    assert found.speedup is not None
    assert found.speedup < 1


# ---- what is refused


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Workload(batch=0),
        lambda: Workload(new_tokens=0),
        lambda: Plan(tp=0),
        lambda: Plan(tp=4, nodes=3),
        lambda: Plan(tp=3).check(SMALL),
        lambda: Shape("x", 8, 0, 1, 1, 8, 8, 8),
        lambda: Speculation(None, 0),
        lambda: Speculation(None, 1, 1.5),
        lambda: Efficiency(memory=1.5),
        lambda: Efficiency(flops=0.0),
        lambda: Efficiency(kernel_seconds=-1.0),
        lambda: Precision(5, 16),
        lambda: Precision(4, 16, 100),
    ],
)
def test_numbers_that_cannot_be_are_refused_in_a_sentence(wrong: object) -> None:
    with pytest.raises(RooflineError) as refused:
        wrong()  # type: ignore[operator]
    assert "\n" not in str(refused.value)


# ---- along a line


def test_a_sweep_leaves_out_what_is_impossible() -> None:
    shape = find_model("codellama-34b")  # an MLP of 22016, 64 heads
    points = sweep("tp", (1, 2, 3, 4), shape, device(), Workload(), Plan(), expected())
    assert [one.value for one in points] == [1, 2, 4]
    with pytest.raises(RooflineError, match="3 ranks cannot share"):
        sweep("tp", (3,), shape, device(), Workload(), Plan(), expected())


def test_ttft_grows_with_the_prompt_and_tpot_with_the_context() -> None:
    shape = find_model("llama-2-7b")
    points = sweep("context", (256, 4096), shape, device(), Workload(), Plan(), expected())
    short, long = (one.expected for one in points)
    assert long.ttft_seconds > 10 * short.ttft_seconds
    assert long.breakdown_seconds["kv_read"] > 8 * short.breakdown_seconds["kv_read"]
    assert long.breakdown_seconds["mlp"] == short.breakdown_seconds["mlp"]


def test_the_price_of_a_million_tokens_is_that_of_the_hours_that_they_take() -> None:
    found = predict(
        find_model("llama-2-7b"),
        device(),
        Workload(batch=4),
        plan(tp=2),
        cost_per_gpu_hour=3.0,
    )
    hours = 1e6 / found.batch_tokens_per_second / 3600
    assert found.price_per_million_tokens == pytest.approx(hours * 2 * 3.0)


def test_a_thousand_predictions_read_no_table_again(monkeypatch: pytest.MonkeyPatch) -> None:
    predicted(reached=expected())
    read = []
    monkeypatch.setattr("workshop.roofline.tables.read", read.append)
    for batch in range(1, 1001):
        predicted(work=Workload(batch=batch), reached=expected())
    assert not read
