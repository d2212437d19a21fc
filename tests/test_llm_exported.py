"""What we write beside a tokenizer.model: transformers then reads our ids and our text from it."""

from __future__ import annotations

import base64
import io
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st
from llm_builders import random_llama, tiny

from workshop.cli.convert import convert
from workshop.cli.model import quantize
from workshop.llm.text.exported import exported
from workshop.llm.text.tokenizer import Tokenizer, find_tokenizer
from workshop.llm.weights import checkpoint
from workshop.runner.models import EMBEDDED

TEXTS = (
    "Hello, my name is",
    " a space before, two  between and one behind ",
    "line\nbreaks\r\n\n and\ttabs",
    "  \n  aaaa aaaaa THE the",
    "é, ½, 日本, 🙂 and \0",
    "",
)
any_text = st.text(st.characters(exclude_categories=["Cs"]))


def theirs(directory: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(directory)


def assert_same(directory: Path, texts: tuple[str, ...] = TEXTS) -> None:
    ours, other = Tokenizer(find_tokenizer(directory)), theirs(directory)
    for text in texts:
        tokens = ours.encode(text)
        assert other(text)["input_ids"] == tokens, text
        assert other.decode(tokens, skip_special_tokens=True) == ours.decode(tokens) == text
    assert (other.bos_token_id, other.eos_token_id) == (ours.bos, ours.eos)


def trained(directory: Path, **options: Any) -> Path:
    """A sentencepiece model of a few words, with the settings of Llama's but for ``options``."""
    written = io.BytesIO()
    llama = {
        "model_type": "bpe",
        "vocab_size": 330,
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
    }
    words = "the cat that sat on the mat thought that the rat at the hat 123 Hello, my name is"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([words, f"{words} again, and the other cats, breaks, tabs"] * 9),
        model_writer=written,
        minloglevel=2,
        hard_vocab_limit=False,
        **{**llama, **options},
    )
    directory.mkdir(exist_ok=True)
    (directory / "tokenizer.model").write_bytes(written.getvalue())
    return directory / "tokenizer.model"


def files_of(path: Path) -> dict[str, bytes]:
    return exported({"tokenizer.model": path})


def write_files(path: Path) -> set[str]:
    made = files_of(path)
    for name, content in made.items():
        (path.parent / name).write_bytes(content)
    config = random_llama().config.to_hugging_face()
    (path.parent / "config.json").write_text(json.dumps(config))
    return set(made)


@pytest.mark.parametrize("role", ["verifier", "draft"])
def test_transformers_reads_the_ids_of_the_embedded_pair(role: str) -> None:
    assert_same(EMBEDDED / role)


@pytest.mark.parametrize("role", ["verifier", "draft"])
def test_the_embedded_pair_has_the_files_that_would_be_written(role: str) -> None:
    made = files_of(EMBEDDED / role / "tokenizer.model")
    assert made.keys() == {"tokenizer.json", "tokenizer_config.json"}
    for name, content in made.items():
        assert (EMBEDDED / role / name).read_bytes() == content


OURS = Tokenizer(EMBEDDED / "verifier" / "tokenizer.model")


@pytest.fixture(scope="module")
def other() -> Any:
    return theirs(EMBEDDED / "verifier")


@settings(max_examples=200, deadline=None)
@given(any_text.filter(lambda text: not any(name in text for name in ("<s>", "</s>", "<unk>"))))
@example("\n Hello\n\n  Hello")
def test_transformers_reads_any_text_as_we_do(other: Any, text: str) -> None:
    assert other(text)["input_ids"] == OURS.encode(text)


def test_greedy_text_is_the_same_in_transformers(other: Any) -> None:
    from transformers import AutoModelForCausalLM

    from workshop.llm.cache import StaticCache
    from workshop.llm.generate import Steps, generate
    from workshop.llm.sampling import Sampler

    directory, prompt, count = EMBEDDED / "draft", "Hello, my name is", 24
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    inputs = other(prompt, return_tensors="pt")
    out = model.generate(
        inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=count,
        do_sample=False, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    ours = checkpoint.load(directory, torch.float32)
    tokens = OURS.encode(prompt)
    cache = StaticCache(ours.config, 1, len(tokens) + count, torch.float32)
    with torch.inference_mode():
        parts = generate(Steps(), ours, cache, tokens, count, Sampler(0.0, ours.config.vocab))
        new = [token for part in parts for token in part]
    assert other.decode(out[0], skip_special_tokens=True) == OURS.decode([*tokens, *new])


@pytest.mark.parametrize(
    "options",
    [{}, {"add_dummy_prefix": False}, {"byte_fallback": True, "user_defined_symbols": ["\n"]}],
    ids=str,
)
def test_other_sentencepiece_models(tmp_path: Path, options: dict[str, Any]) -> None:
    assert write_files(trained(tmp_path, **options)) == {"tokenizer.json", "tokenizer_config.json"}
    assert_same(tmp_path)


def test_a_model_with_symbols_of_several_characters(tmp_path: Path) -> None:
    """tokenizer.json cannot say how sentencepiece treats them; LlamaTokenizer nearly can."""
    path = trained(tmp_path, user_defined_symbols=["<turn>"])
    assert write_files(path) == {"tokenizer_config.json"}
    assert_same(tmp_path, ("Hello, my name is", "the cat\nthe <turn>hat", "Hello<turn> the"))


@pytest.mark.parametrize(
    "options",
    [
        {"model_type": "unigram", "vocab_size": 300},
        {"normalization_rule_name": "nmt_nfkc"},
        {"remove_extra_whitespaces": True},
        {"bos_piece": "[BEGIN]"},
    ],
    ids=str,
)
def test_a_model_that_cannot_be_described_exactly_gets_no_files(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    assert files_of(trained(tmp_path, **options)) == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"a tokenizer", bytes(100), b"\xff" * 100, b"\x0a\x05\x0a\xff", b"\x0a\x80\x80\x80\x80"],
    ids=str,
)
def test_bytes_that_are_no_tokenizer_get_no_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    assert files_of(path) == {}
    assert files_of(tmp_path / "nowhere.model") == {}


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(content: bytes) -> None:
    from workshop.llm.text.sentence_piece_file import read_model

    with suppress(ValueError):
        assert read_model(content).pieces


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_tokenizer_that_is_described_already_keeps_its_files(tmp_path: Path, name: str) -> None:
    path = trained(tmp_path)
    (tmp_path / name).write_text("{}")
    assert exported({"tokenizer.model": path, name: tmp_path / name}) == {}


def test_llama_3_s_own_format(tmp_path: Path) -> None:
    """tiktoken's lines: a token in base64 and its rank."""
    ranks = [bytes([byte]) for byte in range(256)]
    ranks += [b"th", b"the", b" the", b"He", b"ll", b"Hell", b"Hello"]
    lines = (base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(ranks))
    path = tmp_path / "tokenizer.model"
    path.write_bytes(b"".join(lines))
    assert write_files(path) == {"tokenizer.json", "tokenizer_config.json"}
    assert_same(tmp_path)
    marked = "<|start_header_id|>user<|end_header_id|>\n\nHello the<|eot_id|>"
    found = Tokenizer(path).encode_marked(marked)
    assert theirs(tmp_path).encode(marked, add_special_tokens=False) == found


# --- What the commands write --------------------------------------------------------------------


def bare(tmp_path: Path) -> Path:
    """The embedded draft with its tokenizer.model and nothing beside it."""
    directory = tmp_path / "source"
    directory.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.model"):
        shutil.copy(EMBEDDED / "draft" / name, directory)
    return directory


@pytest.mark.parametrize("command", [convert, quantize], ids=["convert", "quantize"])
def test_a_written_checkpoint_reads_the_same_in_transformers(tmp_path: Path, command: Any) -> None:
    done = CliRunner().invoke(command, [str(bare(tmp_path)), "-o", str(tmp_path / "new")])
    assert done.exit_code == 0, done.output
    assert_same(tmp_path / "new")


@pytest.mark.parametrize("name", ["tiny:1", "tiny:2"])
def test_the_embedded_model_written_for_other_programs(tmp_path: Path, name: str) -> None:
    done = CliRunner().invoke(convert, [name, "-o", str(tmp_path / "new")])
    assert done.exit_code == 0, done.output
    assert_same(tmp_path / "new")


@pytest.mark.parametrize("command", [convert, quantize], ids=["convert", "quantize"])
def test_a_tokenizer_config_that_is_there_is_kept_with_its_template(
    tmp_path: Path, command: Any
) -> None:
    source = bare(tmp_path)
    said = {"tokenizer_class": "LlamaTokenizer", "chat_template": "{{ bos_token }}"}
    (source / "tokenizer_config.json").write_text(json.dumps(said))
    (source / "added_tokens.json").write_text('{"<|im_start|>": 1024}')
    done = CliRunner().invoke(command, [str(source), "-o", str(tmp_path / "new")])
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "new" / "tokenizer_config.json").read_text()) == said
    assert (tmp_path / "new" / "added_tokens.json").is_file()
    assert not (tmp_path / "new" / "tokenizer.json").exists()


def test_saving_again_over_files_that_were_written(tmp_path: Path) -> None:
    """A checkpoint that was written so is a source like any other."""
    for directory in ("a", "b"):
        source = bare(tmp_path) if directory == "a" else tmp_path / "a"
        checkpoint.save(random_llama(tiny()), tmp_path / directory, source / "tokenizer.model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
