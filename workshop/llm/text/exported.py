"""A ``tokenizer.model``, written so that other programs read the same token ids from it.

transformers 5, and vLLM with it, takes a directory that has a ``tokenizer.model`` and nothing
beside it for a tokenizer of no particular kind: no token begins a text, and no space precedes it.
``tokenizer.json`` has the whole of a tokenizer, and ``tokenizer_config.json`` the names of its
special tokens: with both, transformers 4 and 5 encode and decode as ``tokenizer.py`` does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import decoders, models, normalizers, processors

from workshop.llm.text.bpe import Bpe, read_tiktoken
from workshop.llm.text.errors import TokenizerError
from workshop.llm.text.sentence_piece_file import Kind, Model, Piece, read_model
from workshop.llm.text.sentence_pieces import SPACE
from workshop.llm.text.tokenizer import (
    SENTENCEPIECE,
    TOKENIZER_CONFIG,
    TOKENIZER_JSON,
    is_tiktoken,
)

LONGEST = 1000  # characters of a piece: the ways to cut it in two grow with its length


def exported(companions: Mapping[str, Path]) -> dict[str, bytes]:
    """Files to write beside a ``tokenizer.model``, by name; none where it needs none.

    A tokenizer that comes with a ``tokenizer.json`` or ``tokenizer_config.json`` keeps them as they
    are. One that neither library can describe exactly (a unigram model, one that normalises text)
    gets no files.

    Args:
        companions: the tokenizer's files, by the name that each has in a checkpoint.
    """
    path = companions.get(SENTENCEPIECE)
    if path is None or companions.keys() & {TOKENIZER_JSON, TOKENIZER_CONFIG}:
        return {}
    try:
        if is_tiktoken(path):
            return of_bpe(read_tiktoken(path))
        return of_sentencepiece(read_model(path.read_bytes()))
    except (OSError, ValueError):  # TokenizerError among them: whoever reads the tokenizer says so
        return {}


def of_bpe(bpe: Bpe) -> dict[str, bytes]:
    begin, end = bpe.name(bpe.bos), bpe.name(bpe.eos)
    bpe.model.encode_special_tokens = False
    bpe.model.post_processor = after(begin, bpe.bos)
    return {
        TOKENIZER_JSON: bpe.model.to_str(pretty=True).encode() + b"\n",
        TOKENIZER_CONFIG: config("PreTrainedTokenizerFast", bos_token=begin, eos_token=end),
    }


def of_sentencepiece(model: Model) -> dict[str, bytes]:
    """Raises TokenizerError for a model that other programs cannot be told of."""
    if not (model.bpe and model.plain):
        raise TokenizerError("text is not encoded as the tokenizers library would")
    names = {
        key: name
        for key, name in (("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"))
        if any(piece.text == name for piece in model.pieces)
    }
    if "bos_token" not in names or "unk_token" not in names:
        raise TokenizerError("its special tokens have other names")
    if any(p.kind == Kind.USER_DEFINED and len(p.text) > 1 for p in model.pieces):
        # In a tokenizer.json such a piece would end the text before it, and a space would follow.
        return {TOKENIZER_CONFIG: config("LlamaTokenizer", legacy=False, **names)}
    return {
        TOKENIZER_JSON: library(model).to_str(pretty=True).encode() + b"\n",
        TOKENIZER_CONFIG: config("PreTrainedTokenizerFast", legacy=True, **names),
    }


def config(kind: str, **fields: Any) -> bytes:
    """A ``tokenizer_config.json``."""
    data = {
        "tokenizer_class": kind,
        "add_bos_token": True,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        **fields,
    }
    return json.dumps(data, indent=2).encode() + b"\n"


def library(model: Model) -> tokenizers.Tokenizer:
    """The tokenizer as the ``tokenizers`` library has it."""
    vocab = {piece.text: token for token, piece in enumerate(model.pieces)}
    if len(vocab) < len(model.pieces) or max(map(len, vocab)) > LONGEST:
        raise TokenizerError("two pieces are written alike, or one is longer than any")
    made = tokenizers.Tokenizer(
        models.BPE(
            vocab=vocab,
            merges=merges(model.pieces),
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=model.byte_fallback,
        )
    )
    spaces = normalizers.Replace(" ", SPACE)
    # As sentencepiece does, also where a text begins with a space; `Metaspace` adds none there.
    made.normalizer = (
        normalizers.Sequence([normalizers.Prepend(SPACE), spaces]) if model.prefix else spaces
    )
    decoded = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    made.decoder = decoders.Sequence(
        [*decoded, decoders.Strip(" ", 1, 0)] if model.prefix else decoded
    )
    special = [p.text for p in model.pieces if p.kind in (Kind.UNKNOWN, Kind.CONTROL)]
    made.add_special_tokens([tokenizers.AddedToken(t, normalized=False) for t in special])
    made.post_processor = after("<s>", vocab["<s>"])
    return made


def merges(pieces: Sequence[Piece]) -> list[tuple[str, str]]:
    """The pairs that merge into a piece: those of the highest score first.

    Any two pieces that make up a third are a merge, as sentencepiece sees it.
    """
    normal = {p.text: (p.score, i) for i, p in enumerate(pieces) if p.kind == Kind.NORMAL}
    found = []
    for text, (score, token) in normal.items():
        for at in range(1, len(text)):
            left, right = text[:at], text[at:]
            if left in normal and right in normal:
                found.append((-score, token, normal[left][1], normal[right][1], left, right))
    return [(left, right) for *_, left, right in sorted(found)]


def after(begin: str, token: int) -> processors.TemplateProcessing:
    """Puts the token for the beginning before a text."""
    return processors.TemplateProcessing(
        single=[begin, "$A"], pair=[begin, "$A", f"{begin}:1", "$B:1"],
        special_tokens=[(begin, token)],
    )  # fmt: skip
