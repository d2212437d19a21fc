"""Merged projections: q, k and v in one product, gate and up in another.

A decode step multiplies matrices by one vector. Two products of the same vector are one product
with the matrices laid one on the other, to the last bit of every output:

    [ gate ]           [ gate x ]
    [  up  ]  x   =    [  up x  ]

The bytes are the same. What is saved are launches (7 products a layer become 4), and each larger
product has more rows to spread over a GPU: k and v of a model with few key heads are too small to
keep all of its memory channels busy, and a kernel starts and ends at less than full speed.

RMSNorm and the residual addition need no such merging under ``torch.compile``: Inductor writes one
kernel that adds, squares, sums and scales, because all of them go over the same row. Eager mode
takes seven kernels for them.
"""

from __future__ import annotations

from workshop.llm.model import MLP, Attention, Llama
from workshop.llm.quantization.quantize import join_rows


def fuse(model: Llama) -> None:
    """Merge the projections of every layer in place; nothing of the single ones remains.

    After quantising and splitting over ranks, which go by the single layers, and before packing,
    whose layout goes by the whole weight. One layer's weights are there twice at most meanwhile.
    """
    for module in model.modules():
        if isinstance(module, Attention):
            merge(module, ("q_proj", "k_proj", "v_proj"), "qkv_proj")
        elif isinstance(module, MLP):
            merge(module, ("gate_proj", "up_proj"), "gate_up_proj")


def merge(module: Attention | MLP, names: tuple[str, ...], merged: str) -> None:
    """Put one linear layer in the place of several that read the same input."""
    linears = [getattr(module, name) for name in names]
    setattr(module, merged, join_rows(linears))
    module.merged = tuple(linear.weight.shape[0] for linear in linears)
    for name in names:
        delattr(module, name)
