"""A few decode steps under torch.profiler: classes, gaps, predictions and the trace."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from builders import result
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import DeviceType
from torch.profiler import record_function

from workshop.cli.profile import profile
from workshop.profile.capture import device_spans, host_spans, kernels_with_names
from workshop.profile.classes import CLASSES, STEP, class_of, class_within, is_operator
from workshop.profile.length import new_tokens_needed
from workshop.profile.predicted import predicted_classes
from workshop.profile.spans import Span, add_up, union
from workshop.profile.trace import TraceError, write_trace
from workshop.roofline.against import case_of
from workshop.roofline.efficiency import expected
from workshop.roofline.inference import predict
from workshop.stages import settings_of
from workshop.util.errors import UsageError

# The smaller of the embedded pair.
DRAFT = ("--model", Path(__file__).parent.parent / "workshop" / "tiny" / "weights" / "draft")
LAYERS = 2
ALL_REDUCE = "workshop::shared_memory_all_reduce"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("aten::mm", "matmul"),
        ("aten::_weight_int8pack_mm", "matmul"),
        ("aten::_weight_int4pack_mm_for_cpu", "matmul"),
        ("mkldnn::_linear_pointwise", "matmul"),
        ("ampere_bf16_s16816gemm_bf16_64x64_ldg8_f2f_tn", "matmul"),
        ("void gemv2T_kernel_val<int, int, __nv_bfloat16>", "matmul"),
        ("triton_red_fused_mm_4", "matmul"),
        ("triton_red_fused__to_copy_mul_sum_3", "matmul"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention"),
        ("void pytorch_flash::flash_fwd_splitkv_kernel<...>", "attention"),
        ("fmha_cutlassF_bf16_aligned_64x64_rf_sm80", "attention"),
        ("triton_per_fused__softmax_5", "attention"),
        ("aten::rsqrt", "norm"),
        ("graph_1_cpp_fused__to_copy__unsafe_view_add_mean_mul_pow_rsqrt_7", "norm"),
        ("triton_red_fused_add_mean_mul_pow_rsqrt_3", "norm"),
        ("graph_1_cpp_fused__unsafe_view_mul_silu_4", "elementwise"),
        ("aten::silu", "elementwise"),
        ("void at::native::vectorized_elementwise_kernel<4, ...>", "elementwise"),
        ("aten::copy_", "copy"),
        ("aten::cat", "copy"),
        ("Memcpy DtoH (Device -> Pageable)", "copy"),
        ("triton_poi_fused_clone_2", "copy"),
        ("ncclDevKernel_AllReduce_Sum_bf16_RING_LL", "all-reduce"),
        ("_c10d_functional::all_reduce", "all-reduce"),
        ("_c10d_functional::wait_tensor", "all-reduce"),
        ("workshop::shared_memory_all_reduce", "all-reduce"),
        ("workshop::product", "matmul"),
        ("workshop::product_int8", "matmul"),
        ("workshop::shared_memory_broadcast", "all-reduce"),
        ("aten::argmax", "other"),
        ("graph_1_cpp_fused__unsafe_view_argmax_select_12", "other"),
        ("aten::view", "other"),
    ],
)
def test_a_kernels_name_tells_its_class(name: str, kind: str) -> None:
    assert class_of(name) == kind


def test_what_an_operator_calls_is_part_of_it() -> None:
    assert class_within(["aten::linear", "aten::matmul", "aten::copy_"]) == "matmul"
    assert class_within(["workshop: norm", "aten::mul"]) == "norm"
    assert class_within(["aten::add", "_c10d_functional::wait_tensor"]) == "all-reduce"
    assert class_within(["Torch-Compiled Region: 1/0", "aten::view"]) == "other"


def test_python_and_the_compilers_guards_are_no_operators() -> None:
    assert is_operator("aten::mm")
    assert is_operator("graph_1_cpp_fused_mul_silu_4")
    for name in ("workshop: step", "TorchDynamo Cache Lookup", "Torch-Compiled Region: 1/0"):
        assert not is_operator(name)


spans = st.lists(
    st.builds(
        lambda kind, start, length: Span("x", kind, start, start + length, length),
        st.sampled_from(CLASSES[:-1]),
        st.floats(0, 10),
        st.floats(0, 3),
    ),
    max_size=8,
)


@given(spans)
def test_what_is_covered_is_at_most_the_sum_and_at_least_the_longest(some: list[Span]) -> None:
    covered = union((span.start, span.end) for span in some)
    assert covered <= sum(span.seconds for span in some) * (1 + 1e-9) + 1e-9
    assert covered >= max((span.seconds for span in some), default=0.0) - 1e-9


def test_classes_and_the_host_add_up_to_the_time_of_a_token() -> None:
    some = [Span("a", "matmul", 0, 2, 2.0), Span("b", "norm", 3, 4, 1.0)]
    sums = add_up(some, 5.0, 2, {"matmul": 0.5}, {"matmul": 0.8, "host": 0.1})
    assert sums.seconds == 2.5
    assert sums.host_share == pytest.approx(0.4)
    assert sum(row.seconds for row in sums.rows) == pytest.approx(sums.seconds)
    by_kind = {row.kind: row for row in sums.rows}
    assert by_kind["matmul"].against_expected == pytest.approx(1.25)
    assert by_kind["host"].seconds == pytest.approx(1.0)
    assert by_kind["norm"].expected_seconds == 0
    assert by_kind["norm"].against_expected is None


def test_kernels_of_two_streams_are_no_more_than_the_time_that_they_cover() -> None:
    some = [Span("a", "matmul", 0, 2, 2.0), Span("b", "copy", 1, 2, 1.0)]
    assert add_up(some, 4.0, 1).host_share == pytest.approx(0.5)


def event(name: str, start: float, end: float, device: Any = DeviceType.CUDA, **more: Any) -> Any:
    reach = SimpleNamespace(start=start, end=end)
    return SimpleNamespace(name=name, time_range=reach, device_type=device, **more)


def test_on_a_gpu_kernels_count_and_neither_calls_nor_marks_do() -> None:
    events = [
        event("cudaLaunchKernel", 0, 5, DeviceType.CPU),
        event("workshop: step", 0, 90),
        event("a mark of the user's", 0, 90, is_user_annotation=True),
        event("gemv2T_kernel_val", 10, 30),
        event("Memcpy DtoH (Device -> Pageable)", 40, 41),
    ]
    found = device_spans(events)
    assert [(span.kind, round(span.seconds * 1e6)) for span in found] == [
        ("matmul", 20),
        ("copy", 1),
    ]


@pytest.mark.parametrize("stage", ["baseline", "compile", "quantize", "speculative"])
def test_the_prediction_by_class_is_the_prediction_of_a_token(stage: str) -> None:
    options = {"draft": "tinyllama-1.1b"} if stage == "speculative" else {}
    run = result(
        stage,
        1.0,
        options=options,
        model="llama-2-7b",
        device="a100",
        new_tokens=9,
        mean_accepted=2.0,
    )
    case = case_of(run)
    found = predicted_classes(run)
    assert not isinstance(found, str)
    whole = predict(case.shape, case.device, case.work, case.plan, expected(), case.speculation)
    assert sum(found[1].values()) == pytest.approx(whole.tpot_seconds)
    assert found[1]["matmul"] > found[0]["matmul"] > 0


def test_without_a_known_device_there_is_no_prediction_and_a_reason() -> None:
    why = predicted_classes(result("compile", 1.0, device="a card of nobody's"))
    assert why == 'there is no device "a card of nobody\'s"'


def write(path: str) -> None:
    Path(path).write_text("{}")


def test_a_trace_is_written_over_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine.json"
    mine.write_text("mine")
    with pytest.raises(TraceError, match=r"mine\.json is there"):
        write_trace(write, mine, "tp")
    assert mine.read_text() == "mine"
    written = [str(write_trace(write, None, "tp")) for _ in range(2)]
    assert written == ["trace-tp-1.json", "trace-tp-2.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", *written]


def test_a_trace_is_never_half_written(tmp_path: Path) -> None:
    def break_off(path: str) -> None:
        Path(path).write_text("{")
        raise RuntimeError("no space left on the device")

    with pytest.raises(TraceError, match="no space left"):
        write_trace(break_off, tmp_path / "trace.json", "tp")
    with pytest.raises(TraceError, match="cannot write the trace"):
        write_trace(write, tmp_path / "nowhere" / "trace.json", "tp")
    assert list(tmp_path.iterdir()) == []


def run(*words: object) -> Any:
    return CliRunner().invoke(profile, [str(word) for word in words])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("baselin",), "there is no stage 'baselin'"),
        (("baseline", "-o", "nowhere/trace.json"), "there is no folder nowhere"),
        (("baseline", "-o", __file__), "no trace is written over it"),
        (("baseline", "--new-tokens", 8), "use --new-tokens 12 or fewer --steps"),
        (("speculative", "--steps", 100), "may make 413 tokens"),
    ],
)
def test_what_cannot_be_profiled_is_refused_in_one_sentence(
    words: tuple[object, ...], sentence: str
) -> None:
    outcome = run(*words)
    assert isinstance(outcome.exception, UsageError)
    assert sentence in str(outcome.exception)


def test_steps_in_one_graph_make_several_tokens_each() -> None:
    assert new_tokens_needed(settings_of("compile"), 8) == 12
    assert new_tokens_needed(settings_of("speculative"), 8) == 45


@pytest.fixture
def one_core() -> Iterator[None]:
    """A second thread costs these small models more than it does, most of all on a busy machine."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[os.getpid() % len(before)]})
    torch.set_num_threads(1)
    yield
    os.sched_setaffinity(0, before)


def test_an_eager_stage_is_profiled_operator_by_operator(one_core: None, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    outcome = run("baseline", *DRAFT, "--new-tokens", 8, "--steps", 2, "--json", "-o", trace)
    assert outcome.exit_code == 0, outcome.output
    found = json.loads(outcome.stdout)
    assert (found["steps"], found["tokens"], found["busy_is"]) == (2, 2, "operators")
    kinds = {row["kind"]: row for row in found["classes"]}
    total = sum(row["seconds"] for row in kinds.values())
    assert total == pytest.approx(found["profiled_seconds_per_token"], rel=0.02)
    assert 0 < found["host_share"] < 1
    assert kinds["matmul"]["calls"] == 7 * LAYERS + 1
    assert kinds["attention"]["calls"] == LAYERS
    assert kinds["norm"]["seconds"] > 0
    assert kinds["matmul"]["expected_seconds"] > kinds["matmul"]["ideal_seconds"] > 0
    assert found["unpredicted"] is None
    names = [one["name"] for one in json.loads(trace.read_text())["traceEvents"]]
    assert names.count("workshop: step") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]


def test_the_table_is_told_with_a_verdict(
    one_core: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--speculate", "prompt-lookup", "--draft-tokens", 1, "--new-tokens", 9, "--steps", 1)
    outcome = run("baseline", *DRAFT, *words)
    assert outcome.exit_code == 0, outcome.output
    for shown in ("matmul", "of expected", "Host-bound share: ", "trace-baseline-1.json"):
        assert shown in outcome.stdout
    lines = outcome.stdout.splitlines()
    together = next(line for line in lines if line.strip().startswith("together"))
    assert "100.0%" in together


def test_of_two_ranks_the_first_is_profiled_with_its_all_reduces(
    one_core: None, tmp_path: Path
) -> None:
    trace = tmp_path / "trace.json"
    words = ("--ranks", 2, "--new-tokens", 6, "--steps", 1, "--json", "-o", trace)
    outcome = run("baseline", *DRAFT, *words)
    assert outcome.exit_code == 0, outcome.output
    found = json.loads(outcome.stdout)
    assert (found["ranks"], found["tokens"]) == (2, 1)
    reduced = {row["kind"]: row for row in found["classes"]}["all-reduce"]
    assert reduced["seconds"] > 0
    assert reduced["expected_seconds"] > reduced["ideal_seconds"] > 0
    calls = [one for one in found["kernels"] if one["name"] == ALL_REDUCE]
    assert [one["calls"] for one in calls] == [2 * LAYERS]
    assert "workshop: step" in trace.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]


def test_what_the_compiler_fuses_tells_its_class_by_its_name(one_core: None) -> None:
    def step(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True))) @ weight

    x, weight = torch.ones(1, 32), torch.ones(32, 32)
    with torch.inference_mode(), kernels_with_names():
        compiled = torch.compile(step)
        compiled(x, weight)
        with torch.profiler.profile(acc_events=True) as profiler, record_function(STEP):
            compiled(x, weight)
    found = {span.kind: span for span in host_spans(profiler.events())}
    assert "rsqrt" in found["norm"].name
    assert found["norm"].name.startswith("graph_")
    assert found["matmul"].seconds > 0
