"""Tokens that were added beside a tokenizer.model: the ids are those of transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_builders import random_llama
from test_llm_exported import theirs, trained

from workshop.llm.text import chat
from workshop.llm.text.added import Added, Finder
from workshop.llm.text.errors import TokenizerError
from workshop.llm.text.tokenizer import Tokenizer

START, END, PAD = "<|im_start|>", "<|im_end|>", "[PAD]"
CHATML = (
    f"{START}system\nthe cat{END}\n{START}user\nHello, my name is{END}\n"
    f"{START}assistant\n the hat  {END}{END} <s>the</s> rat"
)
TEXTS = (
    CHATML,
    f"{START}user\n",
    "<s>[INST] the cat [/INST]",
    f"Hello {START} the {END}",
    "",
    f" {START}the",
)
LLAMA = {
    "tokenizer_class": "LlamaTokenizer",
    "add_bos_token": True,
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
}


def token(text: str, special: bool = True, **how: bool) -> dict[str, Any]:
    plain = {"lstrip": False, "rstrip": False, "normalized": False, "single_word": False}
    return {"content": text, "special": special, **plain, **how}


def directory_of(path: Path, files: dict[str, Any]) -> Path:
    """A checkpoint's directory with a sentencepiece model of 330 pieces and these files."""
    trained(path)
    files = {"config.json": random_llama().config.to_hugging_face(), **files}
    for name, content in files.items():
        (path / name).write_text(json.dumps(content))
    return path


def size_of(path: Path) -> int:
    from sentencepiece import SentencePieceProcessor

    return SentencePieceProcessor(str(trained(path / "size"))).vocab_size()


@pytest.fixture
def first(tmp_path: Path) -> int:
    """The id of the first token that is added."""
    return size_of(tmp_path)


def decoder(first: int, *tokens: dict[str, Any]) -> dict[str, Any]:
    named = {str(i): token(name) for i, name in enumerate(("<unk>", "<s>", "</s>"))}
    added = {str(first + i): each for i, each in enumerate(tokens)}
    return {**LLAMA, "added_tokens_decoder": {**named, **added}}


def assert_same(path: Path, texts: tuple[str, ...] = TEXTS, decoded: bool = True) -> None:
    ours, other = Tokenizer(path / "tokenizer.model"), theirs(path)
    for text in texts:
        expected = other.encode(text, add_special_tokens=False)
        assert ours.encode_marked(text) == expected, (text, other.convert_ids_to_tokens(expected))
        assert not decoded or ours.decode(expected) == other.decode(
            expected, skip_special_tokens=True
        )
    assert (ours.bos, ours.eos) == (other.bos_token_id, other.eos_token_id)


@pytest.mark.parametrize("legacy", [{}, {"legacy": False}, {"legacy": True}, {"legacy": None}])
def test_tokens_of_chatml_in_tokenizer_config(
    tmp_path: Path, first: int, legacy: dict[str, Any]
) -> None:
    config = decoder(first, token(START), token(END)) | legacy
    path = directory_of(tmp_path / "a", {"tokenizer_config.json": config})
    assert_same(path)
    ours = Tokenizer(path / "tokenizer.model")
    assert ours.encode_marked(START + END) == [first, first + 1]
    assert ours.vocab == first + 2


def test_an_end_that_was_added(tmp_path: Path, first: int) -> None:
    config = decoder(first, token(START), token(END)) | {"eos_token": END}
    path = directory_of(tmp_path / "a", {"tokenizer_config.json": config})
    assert_same(path)
    assert Tokenizer(path / "tokenizer.model").eos == first + 1


@pytest.mark.parametrize(
    "how",
    [{"rstrip": True}, {"lstrip": True}, {"lstrip": True, "rstrip": True}, {"single_word": True}],
    ids=str,
)
def test_white_space_and_words_beside_a_token(
    tmp_path: Path, first: int, how: dict[str, bool]
) -> None:
    config = decoder(first, token(START, **how), token(END, **how))
    path = directory_of(tmp_path / "a", {"tokenizer_config.json": config})
    assert_same(path, (*TEXTS, f"the  {START}  \n the{END}cat {END} {START}", f"  {START}  "))


def test_an_added_word_is_text_and_found_in_any_prompt(tmp_path: Path, first: int) -> None:
    config = decoder(first, token("catnip", special=False), token(END))
    path = directory_of(tmp_path / "a", {"tokenizer_config.json": config})
    assert_same(path, (*TEXTS, "the catnip of the cat", "catnip catnip"))
    ours, other = Tokenizer(path / "tokenizer.model"), theirs(path)
    for text in ("the catnip of the cat", "catnip"):
        assert ours.encode(text) == other(text)["input_ids"]
        assert ours.decode(ours.encode(text)) == text


@pytest.mark.parametrize("named", [True, False])
def test_tokens_of_added_tokens_json(tmp_path: Path, first: int, named: bool) -> None:
    """Special where special_tokens_map.json names them; transformers 5 decodes them even so."""
    files: dict[str, Any] = {
        "tokenizer_config.json": LLAMA,
        "added_tokens.json": {END: first + 1, START: first},
    }
    if named:
        files["special_tokens_map.json"] = {
            "additional_special_tokens": [START, token(END)],
            "pad_token": {"content": "<unk>"},
        }
    path = directory_of(tmp_path / "a", files)
    assert_same(path, decoded=not named)
    special = {first, first + 1} if named else set()
    ours = Tokenizer(path / "tokenizer.model")
    assert set(ours.encode(START + END)) & {first, first + 1} == {first, first + 1} - special
    assert ours.decode([first, first + 1]) == ("" if named else START + END)


def test_tokens_that_only_have_names(tmp_path: Path) -> None:
    """They get the next ids."""
    config = LLAMA | {"pad_token": PAD, "additional_special_tokens": [START, END]}
    assert_same(
        directory_of(tmp_path / "a", {"tokenizer_config.json": config}), (*TEXTS, f"a{PAD}")
    )


@pytest.mark.parametrize("kind", ["LlamaTokenizer", "LlamaTokenizerFast"])
@pytest.mark.parametrize("said", [True, False])
def test_tokens_of_a_tokenizer_json_beside(
    tmp_path: Path, first: int, kind: str, said: bool
) -> None:
    """As transformers itself writes it."""
    config = decoder(first, token(START), token(END)) | {"legacy": False}
    path = directory_of(tmp_path / "a", {"tokenizer_config.json": config})
    theirs(path).save_pretrained(tmp_path / "whole")
    (path / "tokenizer.json").write_bytes((tmp_path / "whole" / "tokenizer.json").read_bytes())
    config = (config if said else LLAMA) | {"tokenizer_class": kind}
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    assert_same(path)


def test_a_checkpoint_that_transformers_saved(tmp_path: Path, first: int) -> None:
    config = decoder(first, token(START), token(END)) | {"legacy": False}
    path = directory_of(tmp_path / "a", {"tokenizer_config.json": config})
    model = (path / "tokenizer.model").read_bytes()
    theirs(path).save_pretrained(path)
    (path / "tokenizer.model").write_bytes(model)
    assert_same(path)


def test_a_chat_template_of_chatml_gives_the_ids_of_transformers(
    tmp_path: Path, first: int
) -> None:
    template = (
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
        "message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    config = decoder(first, token(START), token(END)) | {"chat_template": template}
    path = directory_of(tmp_path / "a", {"tokenizer_config.json": config})
    said = [{"role": "user", "content": "Hello, my name is"}]
    expected = theirs(path).apply_chat_template(said, add_generation_prompt=True)
    tokenizer = Tokenizer(path / "tokenizer.model")
    found = chat.encode(tokenizer, chat.find_template(path) or "", "Hello, my name is")
    assert found == list(expected["input_ids"])


def test_a_special_token_in_a_prompt_is_ordinary_text(tmp_path: Path, first: int) -> None:
    config = decoder(first, token(START), token(END))
    path = directory_of(tmp_path / "a", {"tokenizer_config.json": config})
    tokenizer = Tokenizer(path / "tokenizer.model")
    assert first not in tokenizer.encode(CHATML)
    assert tokenizer.decode(tokenizer.encode(CHATML)) == CHATML


def test_a_token_that_tokenizer_json_lacks(tmp_path: Path, first: int) -> None:
    """There is no tokenizer.model: tokenizer_config.json names a pad token of its own."""
    path = directory_of(tmp_path / "a", {"tokenizer_config.json": LLAMA | {"legacy": False}})
    theirs(path).save_pretrained(path)
    (path / "tokenizer.model").unlink(missing_ok=True)
    config = json.loads((path / "tokenizer_config.json").read_text()) | {"pad_token": PAD}
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    ours, other = Tokenizer(path / "tokenizer.json"), theirs(path)
    assert ours.encode_marked(f"{PAD}the") == other.encode(f"{PAD}the", add_special_tokens=False)
    assert other.pad_token_id == first
    assert ours.trained == first


BROKEN = {
    "tokenizer_config.json": [
        {"added_tokens_decoder": 3},
        {"added_tokens_decoder": {"x": token(START)}},
        {"added_tokens_decoder": {"330": 7}},
        {"added_tokens_decoder": {"330": {"special": True}}},
        {"added_tokens_decoder": {"9" * 5000: token(START)}},
        [],
    ],
    "added_tokens.json": [{START: "330"}, {START: None}, 3],
    "tokenizer.json": [{"added_tokens": 3}, {"added_tokens": [3]}, {"added_tokens": [{"id": 3}]}],
}


@pytest.mark.parametrize(
    ("name", "content"), [(name, each) for name, many in BROKEN.items() for each in many]
)
def test_files_that_are_broken_get_one_sentence(tmp_path: Path, name: str, content: Any) -> None:
    path = directory_of(tmp_path / "a", {name: content})
    with pytest.raises(TokenizerError) as refused:
        Tokenizer(path / "tokenizer.model")
    assert str(refused.value).startswith(f"{path / name}: ")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


@settings(deadline=None)
@given(st.lists(st.sampled_from(["<a>", "<a>b", "b", " ", "\n", "é", "_"]), max_size=12))
def test_parts_of_a_text_are_the_text(parts: list[str]) -> None:
    text = "".join(parts)
    finder = Finder([Added("<a>", True), Added("<a>b", True)])
    cut = list(finder.cut(text))
    assert "".join(part for _, part, _ in cut) == text
    assert all(text.startswith(part, start) for start, part, _ in cut)
    assert all("<a>" not in part for _, part, found in cut if found is None)
