"""The command line: quick to answer, one sentence for a mistake, exit codes that mean something."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import forked
import pytest
import torch
from patience import HANG

from workshop.cli import COMMANDS
from workshop.record.results import from_json
from workshop.stages import STAGES

# The embedded model as it is stored: of the widened one, to run it would be most of the time.
SMALL = ["--model", "tiny:1"]
QUICK = [*SMALL, "--samples", "1", "--new-tokens", "6"]


def workshop(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess:
    import os

    return subprocess.run(
        [sys.executable, "-m", "workshop", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **env},
        timeout=HANG,
        check=False,
    )


def is_one_sentence(stderr: str) -> bool:
    lines = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    return len(lines) == 1 and "Traceback" not in stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["stages"],
        ["nonsense"],
        ["submit", "--help"],
        ["status", "--help"],
        ["sandbox", "--help"],
    ],
)
def test_the_prompt_waits_for_no_heavy_import(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from workshop.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'torch', 'matplotlib', 'submitit', 'numpy', 'rich', 'msgspec'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stage", [["baseline"], ["quantize", "--no-compile"]])
def test_who_does_not_compile_does_not_wait_for_the_compiler(stage: list[str]) -> None:
    """torch imports its own, which takes as long as all else, wherever anything touches it."""
    code = (
        "import sys\n"
        "from workshop.cli import main\n"
        "try:\n"
        f"    main(['run', *{stage!r}, *{QUICK!r}])\n"
        "except SystemExit as error:\n"
        "    assert not error.code, error.code\n"
        "assert 'torch' in sys.modules\n"
        "sys.exit('torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG
    )
    assert done.returncode == 0, done.stderr


def test_completion_waits_for_no_heavy_import() -> None:
    done = workshop(_WORKSHOP_COMPLETE="bash_source")
    assert "_WORKSHOP_COMPLETE=bash_complete" in done.stdout
    words = workshop(_WORKSHOP_COMPLETE="bash_complete", COMP_WORDS="workshop ", COMP_CWORD="1")
    assert "plain,demo" in words.stdout
    assert "plain,plot" in words.stdout


def test_help_names_every_command_with_a_line() -> None:
    told = workshop("--help").stdout
    for command in COMMANDS:
        line = next(x for x in told.splitlines() if x.split()[:1] == [command])
        assert len(line.split()) > 3


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = workshop(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: workshop {command}")


def test_stages_says_what_each_changes_and_against_what() -> None:
    lines = workshop("stages").stdout
    for stage in STAGES.values():
        assert stage.summary in lines
        assert stage.against is None or f"against {stage.against}" in lines
    listed = json.loads(workshop("stages", "--json").stdout)
    assert [one["name"] for one in listed] == list(STAGES)
    assert all(len(one["changes"]) == 1 for one in listed if one["against"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "compil"], "there is no stage 'compil' (did you mean compile?); the stages are"),
        (["nonsense"], "there is no command 'nonsense'; the commands are demo, run"),
        (["run", "baseline", "--model", "nowhere"], "'nowhere' is neither a checkpoint directory"),
        (["run", "baseline", "--model", "random:huge"], "there is no shape 'huge'; the shapes are"),
        (["run", "baseline", "--new-tokens", "5000"], "use --new-tokens 506"),
        (["run", "baseline", "--samples", "0"], "0 is not in the range x>=1"),
        (["run", "baseline", "--temperature", "nan"], "is not a finite number"),
        (["run", "baseline", "--temperature", "inf"], "is not a finite number"),
        (["render", "compile", "-o", "/no/where/x.slurm"], "there is no folder /no/where"),
        (["run", "speculative", "--model", "random:15m"], "no draft model belongs to 'random:15m'"),
        (["run", "compile", "--draft", "tiny"], "--draft names a model that nothing uses"),
        (["run", "tp", "--ranks", "3"], "do not split evenly over 3 ranks"),
        (["run", "speculative", "--draft", "random:15m"], "a draft must have the model's own"),
        (
            [
                "run",
                "speculative",
                "--model",
                "random:42m",
                "--draft",
                "random:15m",
                "--new-tokens",
                "300",
            ],
            "random:15m has 256: use --new-tokens 246",
        ),
        (["plot", "missing.out"], "missing.out"),
        (["run", "baseline", "--model", "tiny:0"], "from tiny:1 (as it is stored) to tiny:16"),
        (["run", "speculative", "--draft", "tiny:3x"], "there is no model 'tiny:3x'"),
        (["submit", "baseline", "--model", "tiny:999"], "there is no model 'tiny:999'"),
        (["quality", "tiny:17"], "there is no model 'tiny:17'"),
        (["quantize", "tiny:0", "-o", "out"], "there is no model 'tiny:0'"),
        (["convert", "tiny:0", "-o", "out"], "there is no model 'tiny:0'"),
        (["predict", "tiny:0", "--gpu", "a100"], "there is no model 'tiny:0'"),
        (["quantize", "random:15m", "-o", "out"], "has random weights"),
        (["demo", "--output-dir", "/proc/nothing"], "/proc/nothing"),
    ],
)
def test_a_usage_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    done = forked.workshop(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert is_one_sentence(done.stderr), done.stderr
    assert said in " ".join(done.stderr.split())
    assert not list(tmp_path.iterdir())


def test_a_broken_checkpoint_is_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    done = forked.workshop("run", "baseline", "--model", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert is_one_sentence(done.stderr)
    assert str(tmp_path / "config.json") in done.stderr


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    import shutil

    from workshop.llm.config import Config
    from workshop.llm.weights import checkpoint
    from workshop.runner.models import EMBEDDED

    small = checkpoint.random_model(Config(32, 1, 2, 2, 32, 100, 64), torch.bfloat16)
    checkpoint.save(small, tmp_path)
    shutil.copy(EMBEDDED / "verifier" / "tokenizer.model", tmp_path)
    asked = ["run", "baseline", "--model", str(tmp_path), "--new-tokens", "4"]
    done = forked.workshop(*asked, cwd=tmp_path)
    assert done.returncode == 2
    assert "has 1024 pieces and the model 100" in done.stderr


def test_json_is_the_record_alone() -> None:
    done = workshop("run", "baseline", "--json", *QUICK)
    assert done.returncode == 0, done.stderr
    record = from_json(done.stdout)
    assert record.status == "ok"
    assert len(record.samples) == 1
    assert len(record.samples[0].tokens) == 6


def test_what_is_run_by_default_is_the_widened_model_quantised_as_asked() -> None:
    """The draft stays small; int8 has half the bytes; the record knows what cache there is."""
    options = ["--no-compile", "--ignore-eos", "--samples", "1", "--new-tokens", "6", "--json"]
    record = from_json(workshop("run", "speculative", *options).stdout)
    assert (record.status, record.model) == ("ok", "tiny")
    assert record.model_parameters == 108_806_400
    assert record.draft_parameters == 984_000
    assert 108_806_400 < (record.model_bytes or 0) < 1.05 * 108_806_400
    assert record.cache_bytes is None or record.cache_bytes > 2**16


def test_a_full_disk_is_one_sentence() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "workshop", "run", "baseline", *QUICK],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=HANG,
        )
    assert done.returncode == 1
    assert is_one_sentence(done.stderr), done.stderr
    assert "No space left" in done.stderr


def test_an_int8_checkpoint_runs_as_the_same_model_quantised_in_memory(tmp_path: Path) -> None:
    out = tmp_path / "int8"
    done = workshop("quantize", "tiny:1", "-o", str(out))
    assert done.returncode == 0, done.stderr
    again = workshop("quantize", "tiny:1", "-o", str(out))
    assert again.returncode == 2
    assert "holds a checkpoint already" in again.stderr

    eager = ["run", "quantize", "--no-compile", "--json", "--samples", "1", "--new-tokens", "20"]
    offline = from_json(workshop(*eager, "--model", str(out)).stdout)
    in_memory = from_json(workshop(*eager, *SMALL).stdout)
    assert offline.samples[0].tokens == in_memory.samples[0].tokens
    assert offline.model_bytes == in_memory.model_bytes

    unquantised = workshop("run", "baseline", "--model", str(out))
    assert unquantised.returncode == 2
    assert "is an int8 checkpoint: add --quantize int8" in unquantised.stderr
