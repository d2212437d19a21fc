"""``workshop convert``: what it says and how it ends; and what was converted runs."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from llm_builders import random_llama
from sentencepiece import SentencePieceProcessor

from workshop.cli import main
from workshop.llm.weights import checkpoint
from workshop.record.results import from_json
from workshop.runner.models import EMBEDDED, config_of, find_model
from workshop.util.errors import UsageError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The embedded draft as pickles of Hugging Face's, with a chat template and two ends."""
    directory = tmp_path / "source"
    directory.mkdir()
    model = checkpoint.load(EMBEDDED / "draft")
    tensors = {checkpoint.on_disk(n): v.clone() for n, v in model.state_dict().items()}
    torch.save(tensors, directory / "pytorch_model.bin")
    for name in ("config.json", "tokenizer.model"):
        (directory / name).write_bytes((EMBEDDED / "draft" / name).read_bytes())
    (directory / "chat_template.jinja").write_text(
        "{{ bos_token + messages[0].content + ' I am' }}"
    )
    (directory / "generation_config.json").write_text('{"eos_token_id": [2, 30]}')
    return directory


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as end:
        main(["convert", *arguments])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_what_was_converted_runs_as_a_chat_and_stops_where_it_says(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    code, out, err = ended(capsys, str(source), "-o", str(new))
    assert (code, err) == (0, "")
    size = (new / "model.safetensors").stat().st_size
    assert out == f"{new}: {size / 1e9:.2f} GB in 1 file, from Hugging Face's pickles\n"
    assert {path.name for path in new.iterdir()} == {
        "chat_template.jinja",
        "checksums.json",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
    }
    code, out, _ = ended(capsys, "--verify", str(new))
    assert (code, out) == (0, f"{new}: 7 files as they were written\n")
    command = [sys.executable, "-m", "workshop", "run", "baseline", "--json", "--model", str(new)]
    options = ["--chat", "--samples", "1", "--new-tokens", "60", "--dtype", "float32"]
    run = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    record = from_json(run.stdout)
    plain = checkpoint.load(EMBEDDED / "draft").config
    assert record.model_parameters == plain.parameters
    tokenizer = SentencePieceProcessor(str(new / "tokenizer.model"))
    assert record.prompt_ids == [1, *tokenizer.encode("Hello, my name is I am")]
    *before, last = record.samples[0].tokens
    assert not {2, 30} & set(before)
    assert last in (2, 30) or len(before) == 59


def test_the_embedded_model_is_written_as_wide_as_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For other programs: a checkpoint like any other, of the same model."""
    new = tmp_path / "new"
    code, out, err = ended(capsys, "tiny:2", "-o", str(new))
    assert (code, err) == (0, "")
    assert out == f"{new}: 0.06 GB in 1 file, from our safetensors, widened 2 times\n"
    assert ended(capsys, "--verify", str(new))[0] == 0
    assert config_of(find_model(str(new))) == config_of(find_model("tiny:2"))
    code, _, err = ended(capsys, "tiny", "-o", str(new))
    assert code == 2
    assert "holds a conversion of another checkpoint" in err


def test_a_file_that_changed_is_named_and_the_exit_code_is_1(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    ended(capsys, str(source), "-o", str(new))
    with (new / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    code, out, err = ended(capsys, "--verify", str(new))
    assert (code, out) == (1, "")
    assert err == f"{new}/model.safetensors: its contents have changed\n"


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        code, _, err = ended(capsys, str(source), "-o", str(new))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 1
    assert err == (
        f"Error: {new}: the disk is full; what is finished stays there, and the same command goes "
        "on behind it\n"
    )
    assert ended(capsys, str(source), "-o", str(new))[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{source}"], "say where to write with -o DIR, or check what was written"),
        (["{source}", "-o", "{source}"], "is the source itself: choose another directory"),
        (["{source}", "-o", "{embedded}"], "holds a checkpoint already: choose another directory"),
        (["{source}/nowhere", "-o", "{new}"], "a checkpoint is a directory: there is none here"),
        (["--verify", "{source}"], "checksums.json: No such file or directory"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    made = tmp_path / "made"
    checkpoint.save(random_llama(), made)
    places = {"source": source, "embedded": made, "new": tmp_path / "new"}
    code, _, err = ended(capsys, *(argument.format(**places) for argument in arguments))
    assert code == 2
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert says in err


def test_a_run_from_pickles_says_how_to_convert_them(source: Path) -> None:
    with pytest.raises(UsageError) as refused:
        find_model(str(source))
    assert str(refused.value) == (
        f"the weights in {source} are pickles, which are converted once: "
        f"workshop convert {source} -o DIR"
    )


def test_weights_without_a_tokenizer_are_converted_and_it_is_said(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "tokenizer.model").unlink()
    code, _, err = ended(capsys, str(source), "-o", str(tmp_path / "new"))
    assert code == 0
    assert err.startswith("there is no tokenizer beside the weights: put its tokenizer.model into")
    assert json.loads((tmp_path / "new" / "config.json").read_text())["model_type"] == "llama"
