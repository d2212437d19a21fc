"""Attention in blocks: called, and judged."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Work, Wrong, is_close, tensor

from .reference import attended, blocks_apart, never_rescaled


def called_attention(work: Work, q: Tensor, k: Tensor, v: Tensor, *rest: Any) -> Tensor:
    what = f"T {q.shape[1]}, S {k.shape[1]}, block {rest[0]}"
    found = work.call("driver:watched", "attention", q, k, v, *rest)
    if any(found["changed"]):
        raise Wrong(f"attention changes {'qkv'[found['changed'].index(True)]}, which it is given")
    out = tensor(found["value"], "attention", q.shape)
    if out.dtype != q.dtype:
        raise Wrong("attention has the wrong dtype", str(q.dtype), str(out.dtype))
    if out.isnan().any():
        at = out.isnan().nonzero()[0].tolist()
        keys, queries = k.shape[1], q.shape[1]
        raise Wrong(
            f"{what}: head {at[0]}, query {at[1]} (position {keys - queries + at[1]}) is nan",
            "a number", "nan", "in fp16, scores overflow before they are scaled: convert to fp32 "
            "first" if q.dtype == torch.float16 else "a block that a query sees nothing of: "
            "-inf - -inf is nan",
        )  # fmt: skip
    return out


def judge_attention(
    out: Tensor, right: Tensor, causes: Callable[[], dict[str, Any]], what: str
) -> None:
    if is_close(out, right, 1e-4):
        return
    hint = next((cause for cause, make in causes().items() if is_close(out, make(), 1e-3)), None)
    off = ((out.double() - right).abs() > 1e-4 * right.abs().max()).nonzero()
    at = tuple(off[0].tolist())
    raise Wrong(
        f"{what}: head {at[0]}, query {at[1]} is off", right[at].item(), out[at].item(), hint
    )


def judge_memory(found: dict[str, Any], q: Tensor, k: Tensor, block: int) -> str:
    """Raises Wrong where what was made grows with all scores; returns which case it was."""
    (heads, queries, size), keys = q.shape, k.shape[1]
    own = [name for name in found["operations"] if "scaled_dot_product" in name]
    if own:
        hint = "that is the function to be written here"
        raise Wrong("torch's own attention is called", "your own loop over blocks", own[0], hint)
    at = f"T {queries}, S {keys}, block {block}"
    if found["largest"] >= queries * keys:
        what = "the scores" if found["largest"] >= heads * queries * keys else "a mask"
        raise Wrong(
            f"{at}: a tensor of {found['largest']} elements is made",
            f"about {heads * queries * block}: heads * T * block", found["largest"],
            f"{what} of T * S is what this is to do without: make it for a block at a time",
        )  # fmt: skip
    most = 4 * heads * max(queries * block, keys * size)
    if found["largest"] > most:
        raise Wrong(
            f"{at}: a tensor of {found['largest']} elements is made",
            f"about {heads * queries * block}: heads * T * block", found["largest"],
            f"a block has the {block} keys that are asked for, whatever you would choose",
        )  # fmt: skip
    whole = 4 * heads * queries * keys
    if 2 * found["peak"] > whole:
        raise Wrong(
            f"{at}: {found['peak'] / 1e3:.0f} kB are in use at once",
            f"far less than all scores, {whole / 1e3:.0f} kB", f"{found['peak'] / 1e3:.0f} kB",
            "no tensor is large, but many are kept: what a block made can go when it is absorbed",
        )  # fmt: skip
    return at


def causal(p: int, j: int) -> bool:
    return j <= p


def attention_causes(q: Tensor, k: Tensor, v: Tensor, block: int) -> dict[str, Any]:
    keys, queries = k.shape[1], q.shape[1]
    before = keys - queries
    apart = list(blocks_apart(q, k, v, causal, block))
    return {
        "the scores are not scaled: divide them by sqrt(D)": (
            lambda: attended(q, k, v, causal, power=0)
        ),
        "the scores are divided by D, not by sqrt(D)": lambda: attended(q, k, v, causal, power=-1),
        "query i stands at position S - T + i, not at i": (
            lambda: attended(q, k, v, lambda p, j: j <= p - before)
        ),
        "a query must not see what comes after it": lambda: attended(q, k, v, lambda p, j: True),
        "a query sees itself too: j <= position": lambda: attended(q, k, v, lambda p, j: j < p),
        "one key too many: j <= position": lambda: attended(q, k, v, lambda p, j: j <= p + 1),
        "the last block is missing where it is not full": (
            lambda: attended(q, k, v, lambda p, j: j <= p and j < keys // block * block)
        ),
        "the softmax ends with each block: divide once, after the last": lambda: sum(apart),
        "a mean over blocks is no softmax: their totals differ": (
            lambda: sum(apart) / max(len(apart), 1)
        ),
        "only the first block is left": lambda: apart[0],
        "only the last block is left: carry the state on": lambda: apart[-1],
        "mixed is not rescaled when the largest score grows": (
            lambda: never_rescaled(q, k, v, causal, block, False)
        ),
        "the sums are not rescaled when the largest score grows": (
            lambda: never_rescaled(q, k, v, causal, block, True)
        ),
    }


def window_causes(q: Tensor, k: Tensor, v: Tensor, window: int) -> dict[str, Any]:
    keys = k.shape[1]
    return {
        "the window is ignored": lambda: attended(q, k, v, causal),
        "the window is one too wide: it counts the query itself, so j > position - window": (
            lambda: attended(q, k, v, lambda p, j: p - window <= j <= p)
        ),
        "the window is one too narrow: j > position - window": (
            lambda: attended(q, k, v, lambda p, j: p - window + 1 < j <= p)
        ),
        "the window is the last keys before a query, not the last of all": (
            lambda: attended(q, k, v, lambda p, j: keys - window <= j <= p)
        ),
        "the window is hidden in place of seen": (
            lambda: attended(q, k, v, lambda p, j: j <= p - window)
        ),
        "with a window, too, a query must not see what comes after it": (
            lambda: attended(q, k, v, lambda p, j: p - window < j)
        ),
    }


def drawn_qkv(
    draw: Draw, heads: int, queries: int, keys: int, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Such that no score is so small that a key could be forgotten unnoticed."""
    return (
        draw.normal(heads, queries, size),
        1.5 * draw.normal(heads, keys, size),
        draw.normal(heads, keys, size),
    )
