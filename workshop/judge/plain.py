"""Plain data as bytes, for a channel whose other end is not trusted.

None, booleans, numbers, texts, bytes, lists, dicts with such keys, and tensors: nothing that runs
when it is read, unlike a pickle. A tuple arrives as a list; a subclass arrives as what it extends.
A number of another type (numpy's scalars, Fraction, Decimal) arrives as an int or a float, an array
of numpy as a tensor, and a sequence (range, deque) as a list.
"""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:  # torch takes a second to import: a fork server is to be started before that
    from torch import Tensor

TENSOR = 1  # the code of msgpack's extension type
DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
)  # fmt: skip
MOST_VALUES = 1_000_000
MOST_DEPTH = 64
MOST_DIMENSIONS, LONGEST_DIMENSION = 16, 2**40
# The first byte of a value: how many bytes it has; or the width of its length, and of what it is.
FIXED = {
    0xC0: 1, 0xC2: 1, 0xC3: 1, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2,
    0xD1: 3, 0xD2: 5, 0xD3: 9, 0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18,
}  # fmt: skip
SIZED = {
    0xC4: (1, "bytes", 0), 0xC5: (2, "bytes", 0), 0xC6: (4, "bytes", 0),
    0xC7: (1, "bytes", 1), 0xC8: (2, "bytes", 1), 0xC9: (4, "bytes", 1),
    0xD9: (1, "bytes", 0), 0xDA: (2, "bytes", 0), 0xDB: (4, "bytes", 0),
    0xDC: (2, "list", 0), 0xDD: (4, "list", 0), 0xDE: (2, "dict", 0), 0xDF: (4, "dict", 0),
}  # fmt: skip


class NotPlainError(ValueError):
    """Something that is no plain data, or bytes that do not hold any; the message says what."""


class Header(msgspec.Struct, array_like=True):
    """A tensor: its dtype's name, its shape, and its elements' bytes."""

    dtype: str
    shape: list[int]
    data: bytes


def encode(value: Any) -> bytes:
    """Bytes of ``value``; raises NotPlainError."""
    try:
        return _ENCODER.encode(value)
    except NotPlainError:
        raise
    except OverflowError:
        why = "an int of more than 64 bits cannot be sent: return float(x)"
        raise NotPlainError(why) from None
    except Exception as error:  # also of a tensor without elements, on another device, sparse
        raise NotPlainError(f"it cannot be sent as plain data: {error}") from None


def decode(data: bytes | memoryview) -> Any:
    """The value in ``data``, whoever wrote it; raises NotPlainError."""
    count(data)
    try:
        return msgspec.msgpack.decode(data, ext_hook=_tensor)
    except NotPlainError:
        raise
    except (msgspec.DecodeError, ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise NotPlainError(f"these bytes are no plain data: {error}") from None


def count(data: bytes | memoryview) -> int:
    """How many values the bytes of a message hold, looked at from outside, before any is made.

    Bytes that stand for an empty list grow sixty-fold when they are read. Lengths as in
    https://github.com/msgpack/msgpack/blob/master/spec.md

    Raises:
        NotPlainError: there are more than MOST_VALUES, or they lie deeper than MOST_DEPTH.
    """
    at, found = 0, 0
    left = [1]  # values still to come, at each depth
    while left:
        if left[-1] == 0:
            left.pop()
            continue
        left[-1] -= 1
        found += 1
        if at >= len(data):
            raise NotPlainError("these bytes are no plain data: they end too early")
        inside, size = _held(data, at)
        at += size
        if inside:
            left.append(inside)
        if found + inside > MOST_VALUES:
            raise NotPlainError(f"more than {MOST_VALUES:,} values are too many")
        if len(left) > MOST_DEPTH:
            raise NotPlainError(f"lists and dicts more than {MOST_DEPTH} deep are too deep")
    return found


def _held(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Of the value at a place: how many values are in it, and how many bytes are its own."""
    byte = data[at]
    if byte < 0x80 or byte >= 0xE0:
        return 0, 1
    if byte < 0x90:
        return 2 * (byte & 15), 1
    if byte < 0xA0:
        return byte & 15, 1
    if byte < 0xC0:
        return 0, 1 + (byte & 31)
    if byte in FIXED:
        return 0, FIXED[byte]
    width, kind, more = SIZED.get(byte, (0, "", 0))
    if not kind:
        raise NotPlainError("these bytes are no plain data: there is no such value")
    length = int.from_bytes(data[at + 1 : at + 1 + width], "big")
    if kind == "bytes":
        return 0, 1 + width + more + length
    return length * (2 if kind == "dict" else 1), 1 + width


def _hook(value: Any) -> Any:
    """What a value of a type that msgpack does not have is sent as; raises NotPlainError."""
    import torch

    if isinstance(value, torch.Tensor):
        return _extension(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        if isinstance(value, numpy.generic) and not isinstance(value, numpy.longdouble):
            value = value.item()
            if isinstance(value, bool | int | float | str | bytes):
                return value
        elif isinstance(value, numpy.ndarray) and value.dtype.kind in "biuf":
            if value.dtype.kind == "u" and value.dtype.itemsize > 1:
                value = value.astype("int64")
            return _extension(torch.from_numpy(numpy.ascontiguousarray(value)).reshape(value.shape))
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, Sequence):
        return list(value)
    raise NotPlainError(f"a {type(value).__name__} is no plain data{_instead(value)}")


def _instead(value: Any) -> str:
    """What to write in place of a value that cannot be sent."""
    if isinstance(value, complex):
        return ": return x.real"
    if hasattr(value, "tolist"):
        return ": return x.tolist()"
    if hasattr(type(value), "__float__"):
        return ": return float(x)"
    if isinstance(value, Iterable):
        return ": return list(x)"
    return ""


def _extension(value: Tensor) -> msgspec.msgpack.Ext:
    import torch

    # contiguous() would leave a single element with the stride that it has, which view() refuses.
    dense = value.detach().cpu().clone(memory_format=torch.contiguous_format)
    name = str(dense.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise NotPlainError(f"a tensor of {dense.dtype} is no plain data: return x.float()")
    data = dense.reshape(-1).view(torch.uint8).numpy().tobytes() if dense.numel() else b""
    return msgspec.msgpack.Ext(
        TENSOR, msgspec.msgpack.encode(Header(name, list(dense.shape), data))
    )


def _tensor(code: int, packed: memoryview) -> Tensor:
    import torch

    if code != TENSOR:
        raise NotPlainError(f"an extension of kind {code} is no plain data")
    header = msgspec.msgpack.decode(packed, type=Header)
    dtype = getattr(torch, header.dtype) if header.dtype in DTYPES else None
    possible = len(header.shape) <= MOST_DIMENSIONS and all(
        0 <= size <= LONGEST_DIMENSION for size in header.shape
    )
    if dtype is None or not possible:
        raise NotPlainError(f"there is no tensor of {header.dtype} with shape {header.shape}")
    if math.prod(header.shape) * dtype.itemsize != len(header.data):
        raise NotPlainError(f"{len(header.data)} bytes do not fill a tensor {header.shape}")
    if not header.data:
        return torch.empty(header.shape, dtype=dtype)
    data = bytearray(header.data)
    if dtype == torch.bool:  # a byte of 2 would be neither true nor false
        return torch.frombuffer(data, dtype=torch.uint8).ne(0).reshape(header.shape)
    return torch.frombuffer(data, dtype=dtype).reshape(header.shape)


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_hook, decimal_format="number")
