"""Which class a kernel or operator belongs to, told from its name.

Three kinds of names come here: operators of torch (``aten::mm``), kernels that Inductor wrote,
which carry the names of what they fuse (``triton_red_fused_add_mean_mul_pow_rsqrt_3``,
``graph_1_cpp_fused_mul_silu_4``), and kernels of libraries (``ampere_bf16_s16816gemm_...``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Class = Literal["matmul", "attention", "norm", "elementwise", "copy", "all-reduce", "other", "host"]
CLASSES: tuple[Class, ...] = (
    "matmul",
    "attention",
    "norm",
    "elementwise",
    "copy",
    "all-reduce",
    "other",
    "host",
)
# What a prediction calls the parts of a pass -> the class that its kernels have.
OF_COMPONENT: dict[str, Class] = {
    "attention": "matmul",  # projections
    "mlp": "matmul",
    "output_head": "matmul",
    "kv_read": "attention",
    "norms": "norm",
    "embedding": "other",
    "all_reduce": "all-reduce",
    "launch_overhead": "host",
}
STEP = "workshop: step"  # around a decode step
NORM = "workshop: norm"  # around a norm, where operators are called one by one

_REDUCE = re.compile(
    r"all_?reduce|nccl|c10d|gloo|symm_mem|shared_memory_|wait_tensor|broadcast_|multimem", re.I
)
_ATTENTION = re.compile(r"scaled_dot|flash|fmha|sdpa|softmax|attention|attend|flex", re.I)
_NORM = re.compile(r"rms_?norm|layer_?norm|rsqrt|MeanOps|\bnorm\b", re.I)
_PRODUCT = re.compile(
    r"gemm|gemv|gemvx|cutlass|cublas|splitk|int[48]pack|_linear|::linear|matvec|wvsplitk|"
    r"workshop::product",
    re.I,
)
_COPY = re.compile(
    r"memcpy|memset|copy_kernel|direct_copy|CatArray|index_put|index_copy|::(_to_copy|to|copy_|"
    r"clone|contiguous|cat|index_copy_?|index_put_?|_index_put_impl_|fill_|zero_)$",
    re.I,
)
_ELEMENTWISE = re.compile(
    r"elementwise|::(add|sub|mul|div|neg|silu|pow|mean|sum|sigmoid|exp|where|cos|sin|square|"
    r"bitwise_\w+|lt|le|gt|ge|eq|ne)_?$",
    re.I,
)
_PRODUCT_WORDS = {"mm", "addmm", "mv", "addmv", "linear"}
_SUMS = {"mul", "sum"}  # a product with one vector, as Inductor spells it out
_COPY_WORDS = {"copy", "clone", "cat", "index", "put", "view", "to", "unsafe", "slice", "select"}
_FRAME = re.compile(r"^(cpp|triton|fused|graph|red|per|poi|tem|for|\d+|)$")
_FUSED = re.compile(r"(cpp|triton)_\w*fused|^triton_", re.I)


def class_of(name: str) -> Class:
    """The class that a name alone tells; ``other`` where it tells none."""
    if _REDUCE.search(name):
        return "all-reduce"
    words = set(re.split(r"[^A-Za-z0-9]+|_", name.lower()))
    fused = bool(_FUSED.search(name))
    if _ATTENTION.search(name) or words & {"bmm", "baddbmm"}:  # some are made with CUTLASS, too
        return "attention"
    if _PRODUCT.search(name) or words & _PRODUCT_WORDS:
        return "matmul"
    if name == NORM or _NORM.search(name):
        return "norm"
    if fused:
        if "argmax" in words:  # the choice of a token
            return "other"
        if words >= _SUMS:
            return "matmul"
        rest = {word for word in words if not _FRAME.match(word)}
        return "copy" if rest <= _COPY_WORDS else "elementwise"
    if _COPY.search(name):
        return "copy"
    return "elementwise" if _ELEMENTWISE.search(name) else "other"


def class_within(names: Iterable[str]) -> Class:
    """The class of an operator, from the names of those around it, outermost first, and its own.

    The first that tells one decides: what ``aten::linear`` calls is part of the product. But an
    all-reduce is one wherever it is waited for: the addition that needs its sum has to.
    """
    known = [found for name in names if (found := class_of(name)) != "other"]
    return "all-reduce" if "all-reduce" in known else next(iter(known), "other")


def is_operator(name: str) -> bool:
    """Whether a span on the host is an operator's or a kernel's, not Python's or the compiler's."""
    return bool(re.match(r"\w+::\w", name)) or bool(_FUSED.search(name))
