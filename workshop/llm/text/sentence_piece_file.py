"""What a sentencepiece file holds, which its library does not tell: kinds, scores and settings.

The file is a protocol buffer, ``ModelProto`` of
https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto. The few fields
that matter here are read directly, so that no protobuf library is needed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

BPE = 2  # of TrainerSpec.ModelType
IDENTITY = "identity"
FLOAT = struct.Struct("<f")

# Protocol buffers merge what follows: the same model, which puts no space before a text
# (normalizer_spec, two bytes: add_dummy_prefix is false).
WITHOUT_PREFIX = b"\x1a\x02\x18\x00"


class Kind(IntEnum):
    """``ModelProto.SentencePiece.Type``."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True)
class Piece:
    text: str
    score: float
    kind: int


@dataclass(frozen=True)
class Model:
    """A sentencepiece model.

    Attributes:
        pieces: in the order of their ids.
        bpe: whether pieces are merged in the order of their scores; if not, it is a unigram model.
        plain: text is encoded as it stands: not normalised, with every space kept and written as
            a sign before the word.
        prefix: a space is put before a text.
        byte_fallback: bytes stand for characters that no piece has.
    """

    pieces: tuple[Piece, ...]
    bpe: bool
    plain: bool
    prefix: bool
    byte_fallback: bool


def read_model(data: bytes) -> Model:
    """The model in a file's bytes; raises ValueError where they are none."""
    pieces: list[Piece] = []
    trainer: dict[int, int | bytes] = {}
    normaliser: dict[int, int | bytes] = {}
    for number, value in fields(data):
        if not isinstance(value, bytes):
            continue
        if number == 1:
            pieces.append(read_piece(value))
        elif number == 2:
            trainer |= dict(fields(value))
        elif number == 3:
            normaliser |= dict(fields(value))
    if not pieces:
        raise ValueError("no pieces")
    name = normaliser.get(1, b"")
    identity = name in (b"", IDENTITY.encode()) and not normaliser.get(2)
    # Defaults of the format: extra spaces are removed, and spaces are escaped.
    spaces = not normaliser.get(4, 1) and bool(normaliser.get(5, 1)) and not trainer.get(24, 0)
    return Model(
        pieces=tuple(pieces),
        bpe=trainer.get(3, 1) == BPE,
        plain=identity and spaces,
        prefix=bool(normaliser.get(3, 1)),
        byte_fallback=bool(trainer.get(35, 0)),
    )


def read_piece(data: bytes) -> Piece:
    found = dict(fields(data))
    text, score, kind = found.get(1, b""), found.get(2, bytes(4)), found.get(3, Kind.NORMAL)
    if not isinstance(text, bytes) or not isinstance(score, bytes) or not isinstance(kind, int):
        raise ValueError("a piece of other types")
    if len(score) != FLOAT.size:
        raise ValueError("a score that is no number")
    return Piece(text.decode(), FLOAT.unpack(score)[0], kind)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of a message's fields, one after another; raises ValueError."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
            yield number, value
            continue
        if wire == 2:
            length, at = varint(data, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError("not a protocol buffer")
        if at + length > len(data):
            raise ValueError("cut off")
        yield number, data[at : at + length]
        at += length


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("not a protocol buffer")
