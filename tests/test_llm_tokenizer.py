"""The tokenizer that comes with the embedded model, and files that are not a tokenizer."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workshop.llm.text.errors import TokenizerError
from workshop.llm.text.tokenizer import Tokenizer
from workshop.runner.models import EMBEDDED

PATH = EMBEDDED / "verifier" / "tokenizer.model"
TOKENIZER = Tokenizer(PATH)
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # what sentencepiece writes for a space, inside

any_text = st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=300)
@given(any_text.filter(lambda text: SPACE not in text))
@example("")
@example(" ")
@example("  two spaces before, between  and behind  ")
@example("line\nbreaks\r\n\n and\ttabs")
@example("<s> </s> <unk> <0x41>")
@example("nul \0, é, e\N{COMBINING ACUTE ACCENT}, ﬁ, ½, 日本, 🙂, \N{BYTE ORDER MARK}")
def test_every_text_comes_back_as_it_was(text: str) -> None:
    """Also what the tokenizer never saw: bytes stand for it. Nothing is normalised or folded."""
    tokens = TOKENIZER.encode(text)
    assert all(0 <= token < TOKENIZER.vocab for token in tokens)
    assert TOKENIZER.decode(tokens) == text


def test_one_character_does_not_come_back_and_becomes_a_space() -> None:
    """Sentencepiece's own sign for a space cannot be told from a space."""
    assert TOKENIZER.decode(TOKENIZER.encode(f"a{SPACE}b")) == "a b"


@given(any_text)
def test_a_text_begins_with_the_token_for_it_and_holds_no_other_of_its_kind(text: str) -> None:
    """Text cannot smuggle in the beginning or the end of a sequence."""
    first, *rest = TOKENIZER.encode(text)
    assert first == TOKENIZER.bos
    assert not {TOKENIZER.bos, TOKENIZER.eos} & set(rest)


def test_begin_and_end_have_tokens_of_their_own_and_no_text() -> None:
    assert 0 <= TOKENIZER.bos != TOKENIZER.eos >= 0
    assert TOKENIZER.decode([TOKENIZER.bos, TOKENIZER.eos]) == ""


@given(st.lists(st.integers(min_value=-3, max_value=40_000)))
def test_whatever_a_model_says_decodes(tokens: list[int]) -> None:
    """A random model has more tokens than the tokenizer, and bytes that are no character."""
    known = [token for token in tokens if 0 <= token < TOKENIZER.vocab]
    assert TOKENIZER.decode(tokens) == TOKENIZER.decode(known)


def test_the_draft_has_the_verifiers_tokenizer() -> None:
    assert (EMBEDDED / "draft" / "tokenizer.model").read_bytes() == PATH.read_bytes()


def test_text_that_was_not_utf_8_is_refused() -> None:
    """A shell hands over bytes; Python keeps those that it cannot read as half surrogates."""
    text = b"caf\xe9".decode("utf-8", "surrogateescape")
    with pytest.raises(TokenizerError, match=r"^not a text in UTF-8: 'caf\\udce9'$"):
        TOKENIZER.encode(text)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a tokenizer", bytes(100), PATH.read_bytes()[:5000]],
    ids=["empty", "text", "zeros", "truncated"],
)
def test_a_file_that_is_not_a_tokenizer_gets_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    with pytest.raises(TokenizerError) as refused:
        Tokenizer(path)
    assert str(refused.value) == f"{path}: this is not a sentencepiece model"


def test_a_file_that_is_not_there_gets_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "tokenizer.model", tmp_path):
        with pytest.raises(TokenizerError) as refused:
            Tokenizer(path)
        assert str(refused.value) == f"{path}: there is no tokenizer here"


def test_a_tokenizer_without_a_token_for_the_beginning_is_refused(tmp_path: Path) -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a small text to learn from"] * 3),
        model_writer=model,
        vocab_size=14,
        bos_id=-1,
        minloglevel=2,
    )
    path = tmp_path / "tokenizer.model"
    path.write_bytes(model.getvalue())
    with pytest.raises(TokenizerError) as refused:
        Tokenizer(path)
    assert str(refused.value) == (f"{path}: it has no begin-of-sequence token, which a Llama needs")
