"""int4 laid out for the device at hand, and multiplied there by torch's own kernels.

Each kernel wants the nibbles in an order of its own, so that a thread finds together what it needs
together, and the orders differ between CPU and GPU: a checkpoint keeps neither, but the canonical
form of ``int4.py``. Both kernels convert in registers, so that a step reads 4 bits a weight.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workshop.llm.quantization.int4 import Int4Linear, unpair

ROWS = 16  # both kernels take outputs by this many; further rows of zeros fill the last tile
TILE = 16  # inputs that a tensor core takes at a time; the GPU's layout has 2, 4 or 8 tiles in line


class PackedInt4Linear(nn.Module):
    """``Int4Linear`` for one device.

    ``scales_and_zeros`` is [in / group, out, 2], as the kernels want it; ``outputs`` are those of
    the layer, without the rows that fill the last tile.
    """

    weight: Tensor
    scales_and_zeros: Tensor

    def __init__(self, linear: Int4Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.group_size = linear.group_size
        fill = -linear.out_features % ROWS
        pairs = F.pad(linear.weight, (0, 0, 0, fill))
        both = F.pad(torch.stack([linear.scale, linear.zero], dim=-1), (0, 0, 0, 0, 0, fill))
        self.on_cpu = pairs.device.type == "cpu"
        self.register_buffer("weight", pack_cpu(pairs) if self.on_cpu else pack_gpu(pairs))
        self.register_buffer("scales_and_zeros", both.transpose(0, 1).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        multiply = (
            torch.ops.aten._weight_int4pack_mm_for_cpu
            if self.on_cpu
            else torch.ops.aten._weight_int4pack_mm
        )
        rows = x.reshape(-1, self.in_features).contiguous()  # the kernels want it so
        out = multiply(rows, self.weight, self.group_size, self.scales_and_zeros)
        return out[:, : self.out_features].unflatten(0, x.shape[:-1])


def pack_cpu(pairs: Tensor) -> Tensor:
    """uint8 [out, in / 2], the nibbles in the order of the machine's vector registers."""
    return torch.ops.aten._convert_weight_to_int4pack_for_cpu(unpair(pairs).int(), 1)


def pack_gpu(pairs: Tensor) -> Tensor:
    """int32 [out / 8, in / (tiles * 16), 32, tiles / 2]: a thread reads ``tiles`` tiles in line.

    As many as the inputs allow: 8 of them make a load of 16 bytes, the longest that there is.
    """
    inputs = 2 * pairs.shape[1]
    tiles = next(tiles for tiles in (8, 4, 2) if inputs % (tiles * TILE) == 0)
    return torch.ops.aten._convert_weight_to_int4pack(pairs.contiguous(), tiles)


def pack(module: nn.Module) -> None:
    """Pack every int4 layer in place, for the device that it is on: once, after all else.

    A GPU must be an A100 or newer, or AMD's CDNA2 or newer, and the scales be in bf16; other
    devices than CPU and GPU have no kernel.
    """
    for name, child in module.named_children():
        if type(child) is Int4Linear:  # and none that multiplies the canonical form itself
            setattr(module, name, PackedInt4Linear(child))
        else:
            pack(child)
