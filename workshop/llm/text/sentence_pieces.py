"""Sentencepiece (Kudo and Richardson 2018, https://arxiv.org/abs/1808.06226): Llama 2, Mistral."""

from __future__ import annotations

import re
from pathlib import Path

import sentencepiece

from workshop.llm.text.errors import TokenizerError


class SentencePieces:
    """A sentencepiece model."""

    def __init__(self, path: Path) -> None:
        """Raises TokenizerError."""
        try:
            self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        except (RuntimeError, OSError):
            raise TokenizerError(f"{path}: this is not a sentencepiece model") from None
        self.vocab: int = self.model.vocab_size()
        self.bos: int = self.model.bos_id()
        self.eos: int = self.model.eos_id()
        self.special = {
            self.name(token): token for token in range(self.vocab) if self.model.is_control(token)
        }

    def encode(self, text: str) -> list[int]:
        return self.model.encode(text)

    def encode_marked(self, text: str) -> list[int]:
        either = "|".join(re.escape(name) for name in self.special)
        tokens = []
        for part in re.split(f"({either})", text) if either else [text]:
            tokens += [self.special[part]] if part in self.special else self.encode(part)
        return tokens

    def decode(self, tokens: list[int]) -> str:
        return self.model.decode(tokens)

    def name(self, token: int) -> str:
        return self.model.id_to_piece(token)
