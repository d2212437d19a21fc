"""Weight-only quantisation: int8 with a scale per output channel, then int4 by groups.

A linear layer without bias has a weight [out, in] and computes y = x @ weight.T. Each ROW of the
weight makes one output: an output channel.

No function changes what it is given, or keeps anything from one call to the next.
"""

from torch import Tensor


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric int8, one scale for each row.

    Args:
        weight: [out, in], fp32 or bf16.

    Returns:
        values: [out, in], int8, from -127 to 127.
        scale: [out], fp32, so that values * scale is about the weight: the largest element of a row
            becomes 127 or -127, however small it is. A row of zeros has values of zero and any
            scale but 0.
    """
    raise NotImplementedError


def dequantize_rows(values: Tensor, scale: Tensor) -> Tensor:
    """The weight [out, in], fp32, that ``values`` [out, in] and ``scale`` [out] stand for."""
    raise NotImplementedError


def int8_linear(x: Tensor, values: Tensor, scale: Tensor) -> Tensor:
    """y = x @ weight.T without ever making the fp32 weight of whole size times its scale.

    A scale belongs to an output: it can be multiplied AFTER the product.

    Args:
        x: [batch, in], fp32.
        values: [out, in], int8.
        scale: [out], fp32.

    Returns:
        [batch, out], fp32.
    """
    raise NotImplementedError


def stored_bytes(outputs: int, inputs: int, bits: int, group: int) -> int:
    """Bytes of a quantised weight [outputs, inputs]: its values, and a 2-byte scale per group.

    Args:
        bits: of a value: 8 or 4.
        group: elements of a row that share a scale; ``inputs`` where a row has one scale.
    """
    raise NotImplementedError


def quantize_groups(weight: Tensor, group: int) -> tuple[Tensor, Tensor]:
    """Symmetric int4, one scale for every ``group`` neighbouring elements of a row.

    Args:
        weight: [out, in], fp32; ``in`` is a multiple of ``group``.

    Returns:
        values: [out, in], int8, from -7 to 7.
        scale: [out, in / group], fp32: the largest element of a group becomes 7 or -7. A group of
            zeros has values of zero and any scale but 0.
    """
    raise NotImplementedError


def pack(values: Tensor) -> Tensor:
    """Two int4 values in a byte: [out, in] int8 from -8 to 7 -> [out, in / 2] uint8.

    Element 2i is in the low four bits, element 2i + 1 in the high four. Each is stored with 8 added
    to it, so that it is not negative: -8 becomes 0, 7 becomes 15.
    """
    raise NotImplementedError


def unpack(packed: Tensor) -> Tensor:
    """The values [out, in], int8, that ``pack`` has put into ``packed`` [out, in / 2]."""
    raise NotImplementedError
