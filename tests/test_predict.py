"""``workshop predict``: both readings, from a name or from numbers, and one sentence otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from click.testing import Result as Outcome

from workshop.cli import cli
from workshop.roofline.device import Device
from workshop.stages import STAGES
from workshop.util.errors import UsageError

LOGS = Path(__file__).parent.parent / "plots" / "logs"
KEYS = (
    "ttft_seconds",
    "tpot_seconds",
    "tokens_per_second",
    "weights_gb",
    "kv_cache_gb",
    "max_batch",
    "mbu",
    "mfu",
    "bound",
    "breakdown_seconds",
)
A100 = ("--gpu", "a100-sxm-80gb")


def ask(*words: object) -> Outcome:
    return CliRunner().invoke(cli, ["predict", *map(str, words)])


def answer(*words: object) -> dict[str, Any]:
    outcome = ask(*words, "--json")
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.stdout)


def refused(*words: object) -> str:
    """The sentence that a usage error is; what click refuses itself has one, too."""
    outcome = ask(*words)
    if isinstance(outcome.exception, UsageError):
        return str(outcome.exception)
    assert outcome.exit_code == 2, outcome.output
    return outcome.output


def test_both_readings_are_one_document() -> None:
    found = answer("llama-2-7b", *A100)
    assert list(found) == ["ideal", "expected"]
    for reading in found.values():
        assert set(KEYS) <= set(reading)
        parts = reading["breakdown_seconds"]
        assert set(parts) == {
            "attention",
            "mlp",
            "norms",
            "kv_read",
            "output_head",
            "embedding",
            "all_reduce",
            "launch_overhead",
        }
        assert sum(parts.values()) == pytest.approx(reading["tpot_seconds"])


def test_training_is_too() -> None:
    found = answer("train", "llama-65b", *A100, "--gpus", 2048, "--tokens", "1.4e12")
    assert list(found) == ["ideal", "expected"]
    for reading in found.values():
        assert set(reading["memory_gb"]) == {"weights", "gradients", "optimizer", "activations"}
        for key in ("step_seconds", "tokens_per_second_per_gpu", "mfu", "gpu_hours"):
            assert reading[key] > 0
    assert found["expected"]["gpu_hours"] == pytest.approx(1_022_362, rel=0.1)


def test_every_option_of_training_counts() -> None:
    plain = ("train", "llama-7b", *A100, "--gpus", 64, "--tokens", "1e12")
    first = answer(*plain)["expected"]
    changed = {
        "--tp": 8,
        "--pp": 4,
        "--zero": 3,
        "--micro-batch": 2,
        "--recompute": "full",
        "--flops-efficiency": 0.4,
        "--sequence": 4096,
        "--batch-tokens": 1e6,
    }
    for option, value in changed.items():
        assert answer(*plain, option, value)["expected"] != first, option
    assert answer(*plain, "--dp", 64)["expected"] == first


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_predicted_with_its_precision(stage: str) -> None:
    found = answer("llama-2-7b", *A100, "--stage", stage)["expected"]
    read = 6.87 if stage in ("quantize", "speculative", "tp") else 13.48
    if stage == "speculative":
        read += answer("tinyllama-1.1b", *A100, "--stage", "quantize")["ideal"]["weights_gb"]
        assert found["speedup"] > 1
    if stage == "tp":
        read = answer("llama-2-7b", *A100, "--dtype", "w8a16", "--tp", 2)["ideal"]["weights_gb"]
    assert found["weights_gb"] == pytest.approx(read, rel=0.01)


def test_ranks_combine_with_each_stage() -> None:
    for stage in STAGES:
        two, eight = (
            answer("llama-2-7b", *A100, "--stage", stage, "--tp", tp)["expected"] for tp in (2, 8)
        )
        assert eight["weights_gb"] < two["weights_gb"]
        assert two["breakdown_seconds"]["all_reduce"] > 0


def test_a_precision_may_take_the_place_of_the_stages_own() -> None:
    eager = answer("llama-2-7b", *A100, "--stage", "baseline", "--dtype", "w8a16")["expected"]
    assert eager["bound"] == "launch overhead"
    assert eager["weights_gb"] == pytest.approx(6.87, rel=0.01)


@pytest.mark.parametrize(
    "option",
    [
        ("--batch", 8),
        ("--prompt", 2000),
        ("--new-tokens", 2000),
        ("--dtype", "w4a16"),
        ("--tp", 2),
        ("--flops-efficiency", 0.5),
        ("--memory-efficiency", 0.5),
        ("--kernel-us", 20),
        ("--layers", 16),
    ],
)
def test_every_option_counts(option: tuple[str, object]) -> None:
    assert (
        answer("llama-2-7b", *A100, *option)["expected"] != answer("llama-2-7b", *A100)["expected"]
    )


def test_options_that_only_count_together() -> None:
    eager = ("llama-2-7b", *A100, "--stage", "baseline")
    assert answer(*eager, "--launch-us", 5) != answer(*eager)
    shared = ("llama-2-7b", *A100, "--tp", 4)
    for option in (("--all-reduce-us", 50), ("--nodes", 2), ("--link-efficiency", 0.1)):
        assert answer(*shared, *option) != answer(*shared), option
    guessed = ("llama-2-7b", *A100, "--stage", "speculative")
    for option in (("--acceptance", 0.9), ("--draft-tokens", 5), ("--draft", "llama-2-7b")):
        assert answer(*guessed, *option) != answer(*guessed), option
    groups = ("llama-2-7b", *A100, "--dtype", "w4a16")
    assert answer(*groups, "--group-size", 32) != answer(*groups)


def test_overrides_leave_the_ideal_alone() -> None:
    plain, changed = (
        answer("llama-2-7b", *A100, *option) for option in ((), ("--memory-efficiency", 0.5))
    )
    assert plain["ideal"] == changed["ideal"]


def test_numbers_describe_a_model_without_a_name() -> None:
    numbers = ("--dim", 4096, "--layers", 32, "--heads", 32, "--hidden", 11008, "--vocab", 32000)
    assert answer(*numbers, *A100) == answer("llama-2-7b", *A100)


def test_a_checkpoint_directory_describes_one_too() -> None:
    directory = LOGS.parent.parent / "workshop" / "tiny" / "weights" / "verifier"
    assert answer(directory, *A100) == answer("tiny:1", *A100)
    assert answer(directory / "config.json", *A100) == answer("tiny:1", *A100)


def test_people_get_tables() -> None:
    outcome = ask("llama-2-7b", *A100, "--batch", 4, "--cost-per-gpu-hour", 2)
    assert outcome.exit_code == 0
    for word in ("ideal", "expected", "TTFT", "TPOT", "largest batch", "MBU", "a million new"):
        assert word in outcome.output
    assert "llama-2-7b on a100-sxm-80gb: w16a16, compiled, batch 4" in outcome.output


def test_more_ranks_than_a_node_has_are_spread_over_several() -> None:
    assert "tp 16, 2 nodes, batch 1" in ask("llama-2-70b", *A100, "--tp", 16).output
    assert answer("llama-2-70b", *A100, "--tp", 16) == answer(
        "llama-2-70b", *A100, "--tp", 16, "--nodes", 2
    )


def test_what_does_not_fit_is_said_with_what_would() -> None:
    assert "--tp 4 would." in ask("llama-2-70b", "--gpu", "a100-40gb").output.replace("\n", " ")
    either = ask("llama-3.1-70b", "--gpu", "h100").output.replace("\n", " ")
    assert "--tp 4 or --dtype w8a16 would." in either
    batch = ask("llama-2-7b", "--gpu", "a100-40gb", "--batch", 500).output
    assert "A batch of 6" in batch.replace("\n", " ")
    training = ask("train", "llama-65b", *A100, "--gpus", 2048, "--tokens", "1e12").output
    assert "With --zero 3 it would." in training.replace("\n", " ")


def test_the_arithmetic_is_written_out_for_both_readings() -> None:
    outcome = ask("llama-2-7b", *A100, "--explain")
    assert outcome.output.count("decode: a pass of 1 x 1 token") == 2
    assert "== ideal: llama-2-7b" in outcome.output
    assert "== expected: llama-2-7b" in outcome.output


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_breakdown_is_drawn(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"breakdown{suffix}"
    outcome = ask("llama-2-7b", *A100, "--tp", 2, "-o", target)
    assert outcome.exit_code == 0, outcome.output
    assert target.stat().st_size > 1000


@pytest.mark.parametrize("over", ["batch", "prompt", "context", "tp"])
def test_a_sweep_is_drawn(tmp_path: Path, over: str) -> None:
    target = tmp_path / "sweep.svg"
    outcome = ask("sweep", "llama-2-7b", *A100, "--over", over, "-o", target)
    assert outcome.exit_code == 0, outcome.output
    text = target.read_text()
    assert "TTFT, ms" in text
    assert "TPOT, ms" in text


def test_a_sweep_has_the_values_that_are_asked_for() -> None:
    found = answer("sweep", "llama-2-7b", *A100, "--over", "prompt", "--values", "10-100:45,7")
    assert [one["value"] for one in found] == [7, 10, 55, 100]
    assert found[0]["expected"]["tpot_seconds"] < found[-1]["expected"]["tpot_seconds"]


def test_a_sweep_writes_over_nothing_of_the_users(tmp_path: Path) -> None:
    target = tmp_path / "sweep.png"
    target.write_text("mine")
    assert "move it" in refused("sweep", "llama-2-7b", *A100, "-o", target)
    assert target.read_text() == "mine"


def test_logs_are_held_against_their_predictions() -> None:
    logs = sorted(LOGS.glob("*.out"))
    outcome = ask("--against", *logs)
    assert outcome.exit_code == 0, outcome.output
    assert outcome.output.count(".out: ") == 5
    found = answer("--against", *logs)
    assert [one["file"] for one in found] == [log.name for log in logs]
    for one in found:
        assert one["against_expected"] == pytest.approx(
            one["measured_tokens_per_second"] / one["expected_tokens_per_second"]
        )


def test_of_a_log_that_says_little_the_rest_is_given() -> None:
    log = Path(__file__).parent / "logs" / "gpt-fast" / "colours.out"
    outcome = ask("--against", log)
    assert outcome.exit_code == 1
    assert "no comparison: it does not say which model was run" in outcome.output
    told = ask("llama-2-7b", "--gpu", "a100-40gb", "--stage", "compile", "--against", log)
    assert told.exit_code == 0, told.output


def test_this_machine_is_measured_first(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def measured(size: int) -> Device:
        sizes.append(size)
        return Device("this one", 16, 20, 0.5, 0.25, kind="cpu")

    monkeypatch.setattr("workshop.cli.predict.machine.this_machine", measured)
    found = answer("tiny:1", "--this-machine", "--stage", "quantize")
    assert found["ideal"]["tokens_per_second"] > found["expected"]["tokens_per_second"] > 0
    assert sizes == [pytest.approx(7.0e6, rel=0.01)]  # bytes that a step reads


def test_measuring_it_takes_seconds_and_gives_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    from workshop.cli.predict import machine as predict_machine

    monkeypatch.setattr(predict_machine, "SECONDS", 0.0)
    monkeypatch.setattr(predict_machine, "LOOKS", 1)
    monkeypatch.setattr(predict_machine, "SIDE", {"cpu": 64, "cuda": 64, "mps": 64})
    found = predict_machine.this_machine(10**6)
    assert found.bandwidth_gb_per_s > 0
    assert found.fp16_tflops > 0
    assert found.memory_gb > 0.1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a model"),
        (("llama-2-7b",), "name a device with --gpu"),
        (("llama-2-7b", "--gpu", "a101"), "there is no device 'a101'"),
        (("lama", *A100), "there is no model 'lama'"),
        (("llama-2-7b", "tiny", *A100), "one model is predicted at a time"),
        (("llama-2-7b", *A100, "--tp", 3), "3 ranks cannot share llama-2-7b evenly"),
        (("llama-2-7b", *A100, "--tp", 4, "--nodes", 3), "cannot be spread evenly"),
        (("llama-2-7b", *A100, "--this-machine"), "either --gpu or --this-machine"),
        (("llama-2-7b", *A100, "--acceptance", 0.5), "goes with --stage speculative"),
        (("15m", *A100, "--stage", "speculative"), "name one with --draft"),
        (("--dim", 64, *A100), "--layers, --heads, --hidden, --vocab must be given too"),
        (("llama-2-7b", *A100, "--dtype", "w3a3"), "w3a3"),
        (("llama-2-7b", *A100, "--batch", 0), "0"),
        (("llama-2-7b", *A100, "-o", "figure.gif"), "ends in .png, .svg or .pdf"),
        (("--against",), "name the logs"),
        (("--against", "nowhere.out"), "there is no file nowhere.out"),
        (("sweep", "llama-2-7b"), "name a device with --gpu"),
        (("sweep", "llama-2-7b", *A100, "--values", "1,x"), "'1,x' is not a list"),
        (("sweep", "llama-2-7b", *A100, "--values", "0"), "'0' is not a list"),
        (("train", "llama-7b", "--tokens", "1e12"), "name a device with --gpu"),
        (("train", "llama-7b", *A100, "--tokens", "0"), "0"),
        (("train", "llama-7b", *A100, "--tokens", "inf"), "inf"),
        (("llama-2-7b", *A100, "--batch", 10**20), "not in the range"),
        (("--dim", 10**10, *A100), "not in the range"),
        (("sweep", "llama-2-7b", *A100, "--values", "1-99999999999"), "is not a list"),
        (("sweep", "llama-2-7b", *A100, "--values", "1" * 30), "is not a list"),
        (("~nobody/model", *A100), "there is no model"),
        (("x" * 5000, *A100), "there is no model"),
        (("nowhere/config.json", *A100), "No such file"),
        (("train", "llama-7b", *A100, "--tokens", 1e12, "--gpus", 8, "--tp", 3), "and there are 8"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(words: tuple[object, ...], said: str) -> None:
    sentence = refused(*words)
    assert said in sentence
    assert "Traceback" not in sentence


def test_an_unknown_device_is_refused_with_the_list_and_exit_code_2() -> None:
    command = [sys.executable, "-m", "workshop", "predict", "llama-2-7b", "--gpu", "a101"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 2
    assert outcome.stderr.startswith("Error: there is no device 'a101'")
    assert "mi300x-192gb" in outcome.stderr


def test_neither_torch_nor_matplotlib_is_imported_for_a_prediction() -> None:
    program = (
        "import sys\n"
        "from workshop.cli import main\n"
        "try:\n"
        "    main(['predict', 'llama-2-7b', '--gpu', 'a100', '--json'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "print([name for name in ('torch', 'matplotlib', 'submitit') if name in sys.modules])\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert outcome.stdout.splitlines()[-1] == "[]"


def test_the_pure_part_imports_nothing_of_the_rest() -> None:
    program = (
        "import pkgutil, sys, importlib, workshop.roofline as package\n"
        "for one in pkgutil.iter_modules(package.__path__):\n"
        "    importlib.import_module(f'workshop.roofline.{one.name}')\n"
        "names = [name for name in sys.modules if name.startswith('workshop.')]\n"
        "print([name for name in names if not name.startswith('workshop.roofline')])\n"
        "print([name for name in ('torch', 'numpy', 'matplotlib') if name in sys.modules])\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert outcome.stdout.splitlines() == ["[]", "[]"]
