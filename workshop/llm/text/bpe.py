"""Byte-level BPE, as Llama 3 has it, by the ``tokenizers`` library.

Sennrich et al. 2016, https://arxiv.org/abs/1508.07909; on bytes, as in GPT-2. It comes in two
files: Hugging Face's ``tokenizer.json``, and Meta's ``tokenizer.model``, which is tiktoken's
format: a line for each token, its bytes in base64 and its rank.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from workshop.llm.text.added import Added, read_beside
from workshop.llm.text.errors import TokenizerError

# Where nothing beside a tokenizer says which of its tokens begin and end a text.
BEGIN = ("<|begin_of_text|>", "<s>")
END = ("<|end_of_text|>", "</s>", "<|eot_id|>")

# Llama 3's own (https://github.com/meta-llama/llama-models, models/llama3/tokenizer.py): how text
# is cut before it is encoded, and its special tokens, 256 with those in reserve.
CUT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>",
    "<|step_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
)
SPECIALS = 256


class Bpe:
    """A tokenizer of the ``tokenizers`` library."""

    def __init__(self, model: tokenizers.Tokenizer, begin: str | None, end: str | None) -> None:
        """``begin`` and ``end`` name its tokens for the beginning and the end of a text."""
        self.model = model
        self.vocab: int = max(model.get_vocab().values(), default=-1) + 1
        self.trained: int = max(model.get_vocab(with_added_tokens=False).values(), default=-1) + 1
        self.bos = self.first_of([begin] if begin else BEGIN)
        self.eos = self.first_of([end] if end else END)

    def first_of(self, names: Any) -> int:
        found = (self.model.token_to_id(name) for name in names)
        return next((token for token in found if token is not None), -1)

    def encode(self, text: str) -> list[int]:
        self.model.encode_special_tokens = True  # spelt out like any text
        return self.model.encode(text, add_special_tokens=False).ids

    def encode_marked(self, text: str) -> list[int]:
        self.model.encode_special_tokens = False
        return self.model.encode(text, add_special_tokens=False).ids

    def decode(self, tokens: list[int]) -> str:
        return self.model.decode(tokens, skip_special_tokens=True)

    def name(self, token: int) -> str:
        return self.model.id_to_token(token) or ""


def read_json(path: Path) -> Bpe:
    """A ``tokenizer.json``, and what ``tokenizer_config.json`` beside it says; TokenizerError."""
    try:
        model = tokenizers.Tokenizer.from_file(str(path))
    except Exception:  # the library raises nothing narrower
        raise TokenizerError(
            f"{path}: this is not a tokenizer that the tokenizers library reads"
        ) from None
    beside = read_beside(path.parent)
    begin = beside.name("bos_token")  # a beginning that the model lacks is no beginning
    add(model, (token for token in beside.tokens if token.text != begin))
    return Bpe(model, begin, beside.name("eos_token"))


def add(model: tokenizers.Tokenizer, tokens: Iterable[Added]) -> None:
    """Tokens that a ``tokenizer.json`` lacks, which get the next ids."""
    for token in tokens:
        if model.token_to_id(token.text) is None:
            new = tokenizers.AddedToken(
                token.text,
                single_word=token.word,
                lstrip=token.left,
                rstrip=token.right,
                normalized=not token.special,
            )
            add_one = model.add_special_tokens if token.special else model.add_tokens
            add_one([new])


def read_tiktoken(path: Path) -> Bpe:
    """Llama 3's ``tokenizer.model``; raises TokenizerError."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except ValueError:
            raise TokenizerError(f"{path}: line {number} is no token and its rank") from None
    if sorted(ranks.values()) != list(range(len(ranks))) or not all(
        bytes([byte]) in ranks for byte in range(256)
    ):
        raise TokenizerError(f"{path}: its ranks are not one for each token, all bytes among them")
    written = as_text()
    vocabulary = {"".join(written[b] for b in token): rank for token, rank in ranks.items()}
    merges = [
        ("".join(written[b] for b in left), "".join(written[b] for b in right))
        for left, right in merges_of(ranks)
    ]
    model = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(CUT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    model.decoder = decoders.ByteLevel()
    reserve = [f"<|reserved_special_token_{i}|>" for i in range(2, SPECIALS - len(SPECIAL) + 2)]
    model.add_special_tokens([*SPECIAL, *reserve])
    beside = read_beside(path.parent)
    add(model, beside.tokens)
    return Bpe(model, beside.name("bos_token") or BEGIN[0], beside.name("eos_token") or END[0])


def merges_of(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The pairs that merge into a token, in the order of the ranks, which is all that a file has.

    Any two tokens that make up a third are a merge, as tiktoken sees it.
    """
    merges = []
    for token, rank in ranks.items():
        pairs = ((token[:at], token[at:]) for at in range(1, len(token)))
        merges += [
            (rank, ranks[left], ranks[right], left, right)
            for left, right in pairs
            if left in ranks and right in ranks
        ]
    return [(left, right) for *_, left, right in sorted(merges)]


def as_text() -> list[str]:
    """The character that stands for each byte in a vocabulary, as GPT-2 has it.

    Those that can be printed stand for themselves, the others for characters after them.
    """
    printed = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printed else next(others)) for byte in range(256)]
