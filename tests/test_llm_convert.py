"""Converting: from every format the same model, and the source stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from convert_builders import (
    CONFIG,
    SMALL_FILES,
    assert_is,
    llama2c,
    many_pickles,
    many_safetensors,
    meta,
    meta_in_two,
    one_pickle,
    one_safetensors,
    state_of,
    tensors_of,
    without_an_index,
)
from llm_builders import random_llama, random_tokens, read, tiny

from workshop.llm.model import Llama
from workshop.llm.weights import checkpoint
from workshop.llm.weights.checksums import verify
from workshop.llm.weights.convert import convert
from workshop.llm.weights.convert_source import open_source

TOKENS = random_tokens(20)
FORMATS = [
    one_safetensors,
    many_safetensors,
    without_an_index,
    one_pickle,
    many_pickles,
    meta,
    meta_in_two,
    llama2c,
]


@pytest.mark.parametrize("largest", [SMALL_FILES, 10**9], ids=["many files", "one file"])
@pytest.mark.parametrize("made", FORMATS)
def test_every_format_becomes_the_same_checkpoint(
    tmp_path: Path, made: Callable[[Llama, Path], Path], largest: int
) -> None:
    model = random_llama(CONFIG)
    source = made(model, tmp_path / "source")
    folder = source if source.is_dir() else source.parent
    before = state_of(folder)
    seen: list[tuple[int, int]] = []
    files = convert(open_source(source), tmp_path / "new", lambda *at: seen.append(at), largest)
    assert_is(tmp_path / "new", model)
    assert (tmp_path / "new" / "tokenizer.model").read_bytes() == b"a tokenizer"
    assert (
        len(files) > 3
        if largest == SMALL_FILES
        else [f.name for f in files] == ["model.safetensors"]
    )
    assert all(f.stat().st_size < largest + 10_000 for f in files)
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] == sum(t.nbytes for t in tensors_of(model).values())
    assert verify(tmp_path / "new") == []
    assert state_of(folder) == before, "the source was changed"


@pytest.mark.parametrize("made", [one_safetensors, many_pickles, meta, llama2c])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_tied_head_and_every_dtype_stay_as_they_are(
    tmp_path: Path, made: Callable[[Llama, Path], Path], dtype: torch.dtype
) -> None:
    model = random_llama(tiny(hidden=192, context=4096, tied=True), dtype=dtype)
    if made is llama2c:
        dtype, model = torch.float32, model.float()
    convert(open_source(made(model, tmp_path / "source")), tmp_path / "new")
    assert {p.dtype for p in checkpoint.load(tmp_path / "new").parameters()} == {dtype}
    assert_is(tmp_path / "new", model)


def test_what_hugging_face_says_beside_the_shape_is_kept(tmp_path: Path) -> None:
    convert(open_source(one_safetensors(random_llama(CONFIG), tmp_path / "a")), tmp_path / "b")
    assert checkpoint.stop_tokens(tmp_path / "b") == {7}
    assert (tmp_path / "b" / "tokenizer_config.json").exists()


@torch.inference_mode()
def test_the_converted_model_says_what_the_source_said(tmp_path: Path) -> None:
    """Through transformers, from Meta's two parts: the logits, not only the tensors."""
    from transformers import LlamaForCausalLM

    model = random_llama(CONFIG)
    convert(open_source(meta_in_two(model, tmp_path / "a")), tmp_path / "b", largest=SMALL_FILES)
    theirs = LlamaForCausalLM.from_pretrained(tmp_path / "b", dtype=torch.float32).eval()
    expected = theirs(torch.tensor([TOKENS])).logits[0].numpy()
    assert np.abs(read(model, TOKENS).numpy() - expected).max() < 1e-4
