"""Compile every kernel for two GPUs, none of which need be there; a line for each."""

from __future__ import annotations

from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from workshop.llm.kernels import attention, gemv, norm

GPUS = [GPUTarget("cuda", 80, 32), GPUTarget("hip", "gfx90a", 64)]
WHOLE = ("ld.global.v4.b32", "evict_first.L2::cache_hint.v4.b32", "cp.async.cg", "_load_dwordx4")
SMALL = ("tokens", "rows", "parts", "slots", "visible_batch")  # arguments of any size

DENSE = {
    "x": "*bf16",
    "weight": "*i8",
    "scale": "*bf16",
    "out": "*bf16",
    "outputs": "i32",
    "inputs": "i32",
    "tokens": "i32",
}
INT4 = {**DENSE, "weight": "*u8", "zero": "*bf16"}
PART = {
    **dict.fromkeys(["q", "k", "v"], "*bf16"),
    "visible": "*i1",
    **dict.fromkeys(["out", "tops", "sums"], "*fp32"),
    "slots": "i32",
    "scale": "fp32",
    **dict.fromkeys(["k_batch", "k_head", "k_slot", "v_batch", "v_head", "v_slot"], "i32"),
    **dict.fromkeys(["visible_batch", "parts"], "i32"),
}
NORM = {
    **dict.fromkeys(["x", "y", "weight", "out"], "*bf16"),
    **dict.fromkeys(["rows", "dim"], "i32"),
    "eps": "fp32",
}
GROUP = {"KEY_HEADS": 8, "GROUP": 4, "ROWS": 16, "D": 128, "WIDTH": 128, "BLOCK": 64}

KERNELS: list[tuple[str, Any, dict[str, str], dict[str, Any]]] = [
    (
        "int8",
        gemv.dense_kernel,
        DENSE,
        {"TOKENS": 1, "ROWS": 4, "LANES": 128, "WIDTH": 16, "SPLIT": 1, "SCALED": True},
    ),
    (
        "int4",
        gemv.int4_kernel,
        INT4,
        {"TOKENS": 1, "ROWS": 4, "GROUPS": 128, "GROUP": 32, "MIDDLE": 8, "SPLIT": 1},
    ),
    ("attention", attention.part_kernel, PART, {**GROUP, "EXACT": False}),
    ("norm", norm.add_norm_kernel, NORM, {"ADD": True, "BLOCK": 4096}),
]


def machine_code(kernel: Any, types: dict[str, str], constants: dict[str, Any], gpu: Any) -> str:
    """As for arguments that are multiples of 16, which addresses and sizes of models are."""
    names = kernel.arg_names
    signature = {name: types.get(name, "constexpr") for name in names}
    aligned = {
        (i,): [["tt.divisibility", 16]]
        for i, name in enumerate(names)
        if signature[name][0] == "*" or (signature[name] == "i32" and name not in SMALL)
    }
    source = ASTSource(kernel, signature, constants, aligned)
    warps = 128 // gpu.warp_size
    made = triton.compile(source, target=gpu, options={"num_warps": warps})
    return made.asm["ptx"] if "ptx" in made.asm else made.asm["amdgcn"]


for name, kernel, types, constants in KERNELS:
    for gpu in GPUS:
        code = machine_code(kernel, types, constants, gpu)
        found = "whole loads" if any(load in code for load in WHOLE) else "smaller loads"
        print(name, gpu.backend, gpu.arch, found)
