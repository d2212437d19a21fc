"""What cannot be converted is named in one sentence, and no code in it is run."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from convert_builders import CONFIG, llama2c, many_pickles, meta, one_pickle, source
from llm_builders import random_llama

from workshop.llm.model import Llama
from workshop.llm.quantization import quantize
from workshop.llm.weights import checkpoint
from workshop.llm.weights.checkpoint import CheckpointError
from workshop.llm.weights.convert_source import open_source

__all__ = ["source"]  # a fixture


def sentence(source: Path) -> str:
    with pytest.raises(CheckpointError) as refused:
        open_source(source)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_directory_without_weights(tmp_path: Path) -> None:
    assert sentence(tmp_path) == (
        f"{tmp_path}: there are no weights here: neither model.safetensors, pytorch_model.bin, "
        "consolidated.00.pth nor consolidated.safetensors"
    )
    assert sentence(tmp_path / "x") == (
        f"{tmp_path / 'x'}: a checkpoint is a directory: there is none here"
    )


def test_a_file_where_its_directory_was_meant(source: Path) -> None:
    path = next(source.glob("*.safetensors"))
    assert sentence(path) == f"{path}: a checkpoint is a directory: name its directory, {source}"


def test_a_model_that_is_no_llama(source: Path) -> None:
    path = source / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "gpt2"}))
    assert sentence(source) == (
        f"{path}: model_type is 'gpt2'; this engine runs 'llama' and 'mistral'"
    )


def test_a_checkpoint_that_is_quantised_already(tmp_path: Path) -> None:
    model = random_llama()
    quantize.quantize(model)
    checkpoint.save(model, tmp_path)
    assert sentence(tmp_path).endswith(
        "it is a quantised checkpoint of ours already, and needs no conversion"
    )


WRONG = {
    "is missing": lambda tensors, name: tensors.pop(name),
    "has shape [3]": lambda tensors, name: tensors.update({name: torch.zeros(3)}),
    "is torch.int64, which it cannot be": lambda tensors, name: tensors.update(
        {name: tensors[name].long()}
    ),
}


@pytest.mark.parametrize("says", WRONG)
@pytest.mark.parametrize(
    ("made", "file", "name"),
    [
        (one_pickle, "pytorch_model.bin", "model.layers.1.mlp.up_proj.weight"),
        (meta, "consolidated.00.pth", "layers.1.feed_forward.w3.weight"),
    ],
)
def test_a_tensor_that_is_missing_or_wrong(
    tmp_path: Path, made: Callable[[Llama, Path], Path], file: str, name: str, says: str
) -> None:
    path = made(random_llama(CONFIG), tmp_path / "source") / file
    tensors = torch.load(path)
    WRONG[says](tensors, name)
    torch.save(tensors, path)
    said = sentence(path.parent)
    assert said.startswith(f"{path}: the tensor ")
    assert ".1." in said
    assert says in said


def test_a_tensor_too_many(tmp_path: Path) -> None:
    path = meta(random_llama(CONFIG), tmp_path / "a") / "consolidated.00.pth"
    torch.save(torch.load(path) | {"vision_model.conv.weight": torch.zeros(2, 2)}, path)
    assert sentence(path.parent) == (
        f"{path}: the tensor vision_model.conv.weight has no place in this model"
    )


@pytest.mark.parametrize("keep", [0, 10, 24, 1000, -4])
def test_a_file_of_llama2c_that_is_not_whole(tmp_path: Path, keep: int) -> None:
    path = llama2c(random_llama(CONFIG), tmp_path / "a")
    path.write_bytes(path.read_bytes()[:keep])
    assert sentence(path).startswith(f"{path}: ")


@pytest.mark.parametrize("keep", [0, 10, 1000, -1])
def test_a_pickle_that_is_not_whole(tmp_path: Path, keep: int) -> None:
    path = one_pickle(random_llama(CONFIG), tmp_path / "a") / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:keep])
    assert sentence(path.parent).startswith(f"{path}: not a whole file of torch.save")


@pytest.mark.parametrize("content", [[1, 2], {"a": 3}, {7: torch.zeros(1)}, torch.zeros(2)])
def test_a_pickle_that_holds_no_tensors_by_name(tmp_path: Path, content: object) -> None:
    path = one_pickle(random_llama(CONFIG), tmp_path / "a") / "pytorch_model.bin"
    torch.save(content, path)
    assert sentence(path.parent).startswith(f"{path}: ")


class Trap:
    """Runs when it is unpickled."""

    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.touched),)


@pytest.mark.parametrize(
    ("made", "file"), [(one_pickle, "pytorch_model.bin"), (meta, "consolidated.00.pth")]
)
@pytest.mark.parametrize("plainly", [False, True], ids=["torch.save", "pickle.dump"])
def test_a_pickle_with_code_in_it_is_not_run(
    tmp_path: Path, made: Callable[[Llama, Path], Path], file: str, plainly: bool
) -> None:
    path, touched = made(random_llama(CONFIG), tmp_path / "source") / file, tmp_path / "touched"
    trap = {"x": Trap(touched)}
    with path.open("wb") as out:
        pickle.dump(trap, out) if plainly else torch.save(trap, out)
    said = sentence(path.parent)
    assert said.startswith(f"{path}: ")
    if not plainly:
        assert "reading it would run code that came with it" in said
    assert not touched.exists()


@pytest.mark.parametrize("name", ["../b.bin", "/etc/passwd", "deeper/b.bin", 7])
def test_an_index_that_names_a_file_outside_the_directory(tmp_path: Path, name: str | int) -> None:
    index = many_pickles(random_llama(CONFIG), tmp_path / "a") / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"model.norm.weight": name}}))
    assert sentence(index.parent) == f"{index}: {name!r} is not the name of a file beside it"


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"dim": ...}, "the field 'dim' is missing"),
        ({"multiple_of": ...}, "the field 'multiple_of' is missing"),
        ({"dim": "64"}, ""),
        ({"n_heads": 0}, "heads must be a positive whole number, not 0"),
        ({"quantization_args": {}}, "it has quantization_args, and this engine runs plain Llamas"),
    ],
)
def test_numbers_of_meta_s_that_are_none(tmp_path: Path, params: dict, says: str) -> None:
    path = meta(random_llama(CONFIG), tmp_path / "a") / "params.json"
    data = json.loads(path.read_text()) | params
    path.write_text(json.dumps({name: v for name, v in data.items() if v is not ...}))
    assert sentence(path.parent).startswith(f"{path}: {says}")
