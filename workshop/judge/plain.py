"""Plain data as bytes, for a channel whose other end is not trusted.

None, booleans, numbers, texts, bytes, lists, dicts with such keys, and tensors: nothing that runs
when it is read, unlike a pickle. A tuple arrives as a list; a subclass arrives as what it extends.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import torch
from torch import Tensor

TENSOR = 1  # the code of msgpack's extension type
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
        torch.float16, torch.bfloat16, torch.float32, torch.float64,
    )
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
        return msgspec.msgpack.encode(value, enc_hook=_extension)
    except NotPlainError:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotPlainError(f"it cannot be sent as plain data: {error}") from None


def decode(data: bytes | memoryview) -> Any:
    """The value in ``data``, whoever wrote it; raises NotPlainError."""
    try:
        return msgspec.msgpack.decode(data, ext_hook=_tensor)
    except NotPlainError:
        raise
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise NotPlainError(f"these bytes are no plain data: {error}") from None


def _extension(value: Any) -> msgspec.msgpack.Ext:
    if not isinstance(value, Tensor):
        raise NotPlainError(f"a {type(value).__name__} is no plain data")
    # contiguous() would leave a single element with the stride that it has, which view() refuses.
    dense = value.detach().cpu().clone(memory_format=torch.contiguous_format)
    if dense.dtype not in DTYPES.values():
        raise NotPlainError(f"a tensor of {dense.dtype} is no plain data")
    data = dense.reshape(-1).view(torch.uint8).numpy().tobytes() if dense.numel() else b""
    name = str(dense.dtype).removeprefix("torch.")
    return msgspec.msgpack.Ext(
        TENSOR, msgspec.msgpack.encode(Header(name, list(dense.shape), data))
    )


def _tensor(code: int, data: memoryview) -> Tensor:
    if code != TENSOR:
        raise NotPlainError(f"an extension of kind {code} is no plain data")
    header = msgspec.msgpack.decode(data, type=Header)
    dtype = DTYPES.get(header.dtype)
    if dtype is None or any(size < 0 for size in header.shape):
        raise NotPlainError(f"there is no tensor of {header.dtype} with shape {header.shape}")
    if math.prod(header.shape) * dtype.itemsize != len(header.data):
        raise NotPlainError(f"{len(header.data)} bytes do not fill a tensor {header.shape}")
    if not header.data:
        return torch.empty(header.shape, dtype=dtype)
    return torch.frombuffer(bytearray(header.data), dtype=dtype).reshape(header.shape)
