"""Text to token ids and back: sentencepiece (Llama 2, Mistral) or byte-level BPE (Llama 3)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from workshop.llm.lfs import is_pointer, sentence
from workshop.llm.text.errors import TokenizerError

SENTENCEPIECE = "tokenizer.model"
TOKENIZER_JSON = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
TIKTOKEN_LINE = re.compile(rb"[A-Za-z0-9+/]+=* \d+\r?\n")


class Pieces(Protocol):
    """What a library makes of a tokenizer's file.

    Attributes:
        vocab: one more than the largest id.
        trained: the tokens that text is made of, without those that were added.
        bos, eos: the tokens for the beginning and the end of a text; -1 where there is none.
    """

    vocab: int
    trained: int
    bos: int
    eos: int

    def encode(self, text: str) -> list[int]:
        """Ids of a text, of which no part is taken for a special token."""

    def encode_marked(self, text: str) -> list[int]:
        """Ids of a text in which special tokens are written out, as a chat template does."""

    def decode(self, tokens: list[int]) -> str:
        """Text of ids that are all below ``vocab``; special tokens give nothing."""

    def name(self, token: int) -> str:
        """How a token is written."""


class Tokenizer:
    """A tokenizer of any of the kinds that Llamas come with."""

    def __init__(self, path: Path) -> None:
        """Read a ``tokenizer.model`` (sentencepiece, or Llama 3's) or a ``tokenizer.json``.

        Raises:
            TokenizerError: there is none, or it is none.
        """
        if not path.is_file():
            raise TokenizerError(f"{path}: there is no tokenizer here")
        if is_pointer(path):
            raise TokenizerError(sentence(path))
        self.pieces = read_pieces(path)
        if self.bos < 0:
            raise TokenizerError(f"{path}: it has no begin-of-sequence token, which a Llama needs")

    @property
    def vocab(self) -> int:
        return self.pieces.vocab

    @property
    def trained(self) -> int:
        """Tokens that text is made of: a model has at least these; added ones it may lack."""
        return self.pieces.trained

    @property
    def bos(self) -> int:
        return self.pieces.bos

    @property
    def eos(self) -> int:
        return self.pieces.eos

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``, after the begin-of-sequence token.

        Raises:
            TokenizerError: the text was made of bytes that are not UTF-8.
        """
        return [self.bos, *self.pieces.encode(checked(text))]

    def encode_marked(self, text: str) -> list[int]:
        """Token ids of ``text`` with the special tokens that are written out in it.

        Raises:
            TokenizerError: the text was made of bytes that are not UTF-8.
        """
        return self.pieces.encode_marked(checked(text))

    def name(self, token: int) -> str:
        """How a token is written; nothing for one that there isn't."""
        return self.pieces.name(token) if 0 <= token < self.vocab else ""

    def decode(self, tokens: list[int]) -> str:
        """Text of ``tokens``; ids outside the vocabulary give nothing."""
        return self.pieces.decode([token for token in tokens if 0 <= token < self.vocab])


def checked(text: str) -> str:
    """The text, if it is one; raises TokenizerError."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise TokenizerError(f"not a text in UTF-8: {text!r}") from None
    return text


def read_pieces(path: Path) -> Pieces:
    """The tokenizer in a file, by what the file looks like; its library is imported only now."""
    if path.suffix == ".json":
        from workshop.llm.text.bpe import read_json

        return read_json(path)
    if is_tiktoken(path):
        from workshop.llm.text.bpe import read_tiktoken

        return read_tiktoken(path)
    from workshop.llm.text.sentence_pieces import SentencePieces

    return SentencePieces(path)


def is_tiktoken(path: Path) -> bool:
    """Whether a ``tokenizer.model`` is in tiktoken's format; raises OSError."""
    with path.open("rb") as file:
        return TIKTOKEN_LINE.match(file.read(1000)) is not None


def find_tokenizer(directory: Path) -> Path:
    """The tokenizer's file in a checkpoint's directory; where it would be, if there is none."""
    there = [directory / name for name in (SENTENCEPIECE, TOKENIZER_JSON)]
    return next((path for path in there if path.is_file()), there[0])
