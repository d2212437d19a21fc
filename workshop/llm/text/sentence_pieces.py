"""Sentencepiece (Kudo and Richardson 2018, https://arxiv.org/abs/1808.06226): Llama 2, Mistral."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import sentencepiece

from workshop.llm.text.added import Added, Beside, Finder, ids, read_beside
from workshop.llm.text.errors import TokenizerError
from workshop.llm.text.sentence_piece_file import WITHOUT_PREFIX

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # what stands for a space in a piece


class SentencePieces:
    """A sentencepiece model, and the tokens that the files beside it add."""

    def __init__(self, path: Path) -> None:
        """Raises TokenizerError."""
        try:
            self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        except (RuntimeError, OSError):
            raise TokenizerError(f"{path}: this is not a sentencepiece model") from None
        self.trained: int = self.model.vocab_size()
        beside: Beside = read_beside(path.parent)
        control = [
            Added(self.model.id_to_piece(token), special=True)
            for token in range(self.trained)
            if self.model.is_control(token)
        ]
        tokens = {token.text: token for token in (*control, *beside.tokens)}
        self.prefix = beside.prefix
        self.ids = ids(tokens.values(), self.trained, self.known)
        self.names = {token: text for text, token in self.ids.items()}
        self.special = {self.ids[token.text] for token in tokens.values() if token.special}
        self.all = Finder(tokens.values())
        self.words = Finder(token for token in tokens.values() if not token.special)
        self.vocab: int = max(self.trained, max(self.names, default=-1) + 1)
        self.bos = self.ids.get(beside.name("bos_token") or "", self.model.bos_id())
        self.eos = self.ids.get(beside.name("eos_token") or "", self.model.eos_id())

    def known(self, text: str) -> int | None:
        """The id of a piece of that very text; None where there is none."""
        token = self.model.piece_to_id(text)
        return token if self.model.id_to_piece(token) == text else None

    @cached_property
    def bare(self) -> sentencepiece.SentencePieceProcessor:
        """The model that puts no space before a text."""
        data = self.model.serialized_model_proto() + WITHOUT_PREFIX
        return sentencepiece.SentencePieceProcessor(model_proto=data)

    def encode(self, text: str) -> list[int]:
        return self.between(self.words, text) if self.words.tokens else self.model.encode(text)

    def encode_marked(self, text: str) -> list[int]:
        return self.between(self.all, text)

    def between(self, finder: Finder, text: str) -> list[int]:
        """Ids of a text that tokens cut into parts."""
        tokens = []
        for start, part, token in finder.cut(text):
            tokens += self.part(part, start == 0) if token is None else [self.ids[token.text]]
        return tokens

    def part(self, text: str, first: bool) -> list[int]:
        """Ids of a part of a text, with a space before it or not."""
        wanted = self.prefix == "spaceless" or (self.prefix == "first" and first)
        spaced = self.prefix == "each" or (wanted and not text.startswith((" ", SPACE)))
        return self.model.encode(text) if spaced else self.bare.encode(text)

    def decode(self, tokens: list[int]) -> str:
        found = [token for token in tokens if token not in self.special]
        if all(token < self.trained for token in found):
            return self.model.decode(found)
        text, part, model = "", [], self.model
        for token in found:
            if token < self.trained:
                part.append(token)
                continue
            text += (model.decode(part) if part else "") + self.names[token]
            part, model = [], self.bare
        return text + (model.decode(part) if part else "")

    def name(self, token: int) -> str:
        return self.names.get(token) or self.model.id_to_piece(token)
