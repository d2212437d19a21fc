"""Text to token ids and back, with sentencepiece."""

from __future__ import annotations

from pathlib import Path

import sentencepiece


class TokenizerError(ValueError):
    """A tokenizer file that cannot be used; the message names it."""


class Tokenizer:
    """A sentencepiece model (https://arxiv.org/abs/1808.06226)."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise TokenizerError(f"{path}: there is no tokenizer here")
        try:
            self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
        except (RuntimeError, OSError):
            raise TokenizerError(f"{path}: this is not a sentencepiece model") from None
        if self.bos < 0:
            raise TokenizerError(f"{path}: it has no begin-of-sequence token, which a Llama needs")

    @property
    def vocab(self) -> int:
        return self.pieces.vocab_size()

    @property
    def bos(self) -> int:
        return self.pieces.bos_id()

    @property
    def eos(self) -> int:
        return self.pieces.eos_id()

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``, after the begin-of-sequence token.

        Raises:
            TokenizerError: the text was made of bytes that are not UTF-8.
        """
        try:
            text.encode()
        except UnicodeEncodeError:
            raise TokenizerError(f"not a text in UTF-8: {text!r}") from None
        return [self.bos, *self.pieces.encode(text)]

    def decode(self, tokens: list[int]) -> str:
        """Text of ``tokens``; ids outside the vocabulary give nothing."""
        return self.pieces.decode([token for token in tokens if 0 <= token < self.vocab])
