"""What was measured beside what should have been: the ratio, and the likeliest cause of a gap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import failed, result

from workshop.record.readers import read_logs
from workshop.record.results import Definition, Result
from workshop.roofline.against import AS_EXPECTED, Comparison, against, case_of
from workshop.roofline.efficiency import expected
from workshop.roofline.errors import RooflineError
from workshop.roofline.inference import predict
from workshop.roofline.models import find_model

LOGS = Path(__file__).parent.parent / "plots" / "logs"
GPU = "NVIDIA A100-SXM4-80GB"


def run(stage: str, speed: float, options: dict[str, Any] | None = None, **fields: Any) -> Result:
    """A run of Llama-2-7B on an A100."""
    given = {"model": "llama-2-7b", "device": GPU, "prompt_tokens": 5, "new_tokens": 200}
    return replace(result(stage, speed, options=options), **{**given, **fields})


def compared(one: Result) -> Comparison:
    found = against(one)
    assert found is not None
    return found


def speed_of(stage: str, options: dict[str, Any] | None = None, **fields: Any) -> float:
    """What is expected of that run."""
    return compared(run(stage, 1.0, options, **fields)).expected


def test_a_run_is_held_against_both_readings() -> None:
    found = compared(run("compile", 90.0))
    assert found.measured == pytest.approx(90)
    assert found.against_expected == pytest.approx(90 / found.expected)
    assert found.against_ideal == pytest.approx(90 / found.ideal)
    assert found.ideal > found.expected


@pytest.mark.parametrize(
    ("stage", "cause"),
    [
        ("baseline", "As expected: launch-bound"),
        ("compile", "As expected: bound by memory bandwidth"),
        ("quantize", "As expected: bound by memory bandwidth"),
    ],
)
def test_a_run_as_fast_as_expected_is_told_what_bounds_it(stage: str, cause: str) -> None:
    assert compared(run(stage, speed_of(stage) * 0.95)).cause.startswith(cause)


def test_a_cpu_s_cores_are_told_from_its_memory() -> None:
    """Memory that brings 1000 GB/s is faster than two cores multiply."""
    cpu = {"device": "a CPU", "threads": 2, "model": "tiny", "prompt_tokens": 6}
    for bandwidth, cause in ((1000.0, "its cores"), (5.0, "memory bandwidth")):
        run_of = {**cpu, "device_bandwidth_gb_per_second": bandwidth}
        speed = compared(run("compile", 1.0, **run_of)).expected
        told = compared(run("compile", speed, **run_of)).cause
        assert told.startswith("As expected")
        assert cause in told


def test_a_compiled_run_as_slow_as_eager_is_launch_bound() -> None:
    found = compared(run("compile", speed_of("baseline")))
    assert found.cause.startswith("Launch-bound: as slow as a run that is not compiled")


def test_a_quantised_run_as_slow_as_sixteen_bits_does_not_read_int8() -> None:
    found = compared(run("quantize", speed_of("compile")))
    assert "not to be quantised where they are read: as slow as in 16 bits" in found.cause


def test_ranks_that_wait_for_each_other_are_link_bound() -> None:
    slow = replace(expected(), all_reduce_seconds=40e-6)
    case = compared(run("tp", 1.0, {"ranks": 4})).case
    speed = predict(case.shape, case.device, case.work, case.plan, slow).tokens_per_second
    assert compared(run("tp", speed, {"ranks": 4})).cause.startswith("Link-bound")


def test_a_long_context_that_is_read_too_often_is_named() -> None:
    long = {"prompt_tokens": 16000}
    found = compared(run("compile", speed_of("compile", prompt_tokens=32000), **long))
    assert found.cause.startswith("Reading keys and values")


def test_graph_breaks_are_named_first() -> None:
    found = compared(run("compile", 40.0, graph_breaks=3))
    assert found.cause.startswith("Not compiled throughout: 3 graph breaks")


def test_a_shared_node_is_named_before_anything_else() -> None:
    warning = "3 other processes running on this machine's 8 processors"
    found = compared(run("compile", 30.0, warnings=[warning], graph_breaks=3))
    assert found.cause.startswith("Others used the machine")


def test_a_gap_that_nothing_explains_is_put_in_numbers() -> None:
    found = compared(run("compile", 60.0))
    assert "of the data-sheet bandwidth" in found.cause


def test_what_is_faster_than_the_hardware_is_not_believed() -> None:
    assert compared(run("compile", 400.0)).cause.startswith("Faster than the hardware")


def test_what_is_faster_than_expected_is_said_to_be() -> None:
    speed = speed_of("compile") * (1.05 + AS_EXPECTED)
    assert compared(run("compile", speed)).cause.startswith("Faster than expected")


@pytest.mark.parametrize(
    "one",
    [
        failed("compile"),
        run("compile", 90.0, device="a card of nobody's"),
        run("compile", 90.0, device=None),
        run("compile", 90.0, model="a model of nobody's"),
        run("compile", 90.0, model=None),
        run("compile", 90.0, settings=None),
        run("compile", 90.0, definition=Definition("prompt and new", "wall clock", "server")),
        replace(run("compile", 90.0), tokens_per_second=None, tpot_seconds=None),
    ],
)
def test_what_is_not_known_is_not_compared(one: Result) -> None:
    assert against(one) is None


def test_why_it_is_not_is_said() -> None:
    with pytest.raises(RooflineError, match="does not say which model"):
        case_of(run("compile", 90.0, model=None))
    with pytest.raises(RooflineError, match="there is no device 'nothing'"):
        case_of(run("compile", 90.0, device="nothing"))


def test_tokens_a_second_are_predicted_as_their_source_counts_them() -> None:
    decode = compared(run("compile", 90.0))
    both = compared(
        run("compile", 90.0, definition=Definition("new", "prefill and decode", "sequence"))
    )
    batch = compared(
        run("compile", 90.0, batch_size=4, definition=Definition("new", "decode", "batch"))
    )
    reading = both.expected_reading
    assert both.expected == pytest.approx(200 / (reading.ttft_seconds + 199 * reading.tpot_seconds))
    assert both.expected < decode.expected
    assert batch.measured == pytest.approx(22.5)


def test_speculation_is_predicted_with_the_guesses_that_were_accepted() -> None:
    options = {"draft": "tinyllama-1.1b", "draft_tokens": 4}
    few, many = (
        compared(run("speculative", 100.0, options, mean_accepted=accepted)).expected
        for accepted in (0.5, 3.0)
    )
    assert many > 1.5 * few


def test_int4_is_predicted_with_its_groups() -> None:
    options = {"quantize": "int4", "group_size": 32}
    case = case_of(run("quantize", 1.0, options))
    assert str(case.plan.precision) == "w4a16 (groups of 32)"
    assert case.shape == find_model("llama-2-7b")


def test_the_demos_runs_are_within_20_percent_of_what_is_expected() -> None:
    readings = read_logs(sorted(LOGS.glob("*.out")))
    assert len(readings) == 5
    for reading in readings:
        found = compared(reading.result)
        assert 0.8 < found.against_expected < 1.2, reading.path.name
        assert found.cause


@pytest.mark.parametrize(
    ("parameters", "model"),
    [(6_967_360, "tiny:1"), (108_806_400, "tiny"), (None, "tiny"), (5, "tiny")],
)
def test_a_record_s_own_parameters_tell_which_width_it_was_run_with(
    parameters: int | None, model: str
) -> None:
    """``tiny`` was what is ``tiny:1`` now; whoever names a model is believed."""
    record = run("compile", 100.0, model="tiny", model_parameters=parameters)
    assert case_of(record).shape == find_model(model)
    assert case_of(record, "tiny:8").shape == find_model("tiny:8")


def test_the_demo_s_logs_from_before_are_held_against_the_small_model() -> None:
    for one in read_logs(sorted(LOGS.glob("job-baseline*.out"))):
        if one.result.model_parameters == 6_967_360:
            assert case_of(one.result).shape.parameters == 6_967_360
