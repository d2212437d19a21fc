"""Attention in blocks: called, and judged."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workshop.judge.judge import FaultError
from workshop.learn.checking import Draw, Work, Wrong, is_close, tensor
from workshop.learn.mistakes import only_cause

from .reference import MINUS, attended, blocks_apart, never_rescaled

Causes = Callable[[], dict[str, Callable[[], Any]]]

# What torch's own attention runs through, in one way or another.
OWN = ("scaled_dot_product", "_safe_softmax", "flash_attention", "efficient_attention",
       "native_multi_head_attention")  # fmt: skip
BLOCKS = {40: (1, 2, 4, 8, 16, 32), 300: (64, 128, 256)}  # by the number of keys
WRITES = "an operation with _ at its end, or *= on a tensor, writes into it: make a new one"
KEPT = "right when it is called first, wrong later: nothing may be kept from call to call"


def called_attention(work: Work, q: Tensor, k: Tensor, v: Tensor, *rest: Any) -> Tensor:
    what = f"T {q.shape[1]}, S {k.shape[1]}, block {rest[0]}"
    found = work.call("driver:watched", "attention", q, k, v, *rest)
    if any(found["changed"]):
        which = "qkv"[found["changed"].index(True)]
        raise Wrong(f"attention changes {which}, which it is given", hint=WRITES)
    judge_own(found)
    out = tensor(found["value"], "attention", q.shape)
    if out.dtype != q.dtype:
        raise Wrong("attention has the wrong dtype", str(q.dtype), str(out.dtype))
    if out.isnan().any():
        at = out.isnan().nonzero()[0].tolist()
        keys, queries = k.shape[1], q.shape[1]
        raise Wrong(
            f"{what}: head {at[0]}, query {at[1]} (position {keys - queries + at[1]}) is nan",
            "a number", "nan", why_nan(work, q, k, v, *rest),
        )  # fmt: skip
    return out


def judge_own(found: dict[str, Any]) -> None:
    own = [name for name in found["operations"] if any(part in name for part in OWN)]
    if own:
        hint = "that is the function to be written here"
        raise Wrong("torch's own attention is called", "your own loop over blocks", own[0], hint)


def why_nan(work: Work, q: Tensor, k: Tensor, v: Tensor, block: int, *window: int) -> str | None:
    """What makes nan go away, and so is what it came from."""

    def well(q: Tensor, block: int, k: Tensor = k, v: Tensor = v) -> bool:
        out = again(work, "attention", q, k, v, block, *window)
        return isinstance(out, Tensor) and bool(out.isfinite().all())

    if q.dtype != torch.float32 and well(q.float(), block, k.float(), v.float()):
        return "in fp16, scores overflow before they are scaled: convert to fp32 first"
    if q.dtype == torch.float32 and well(q, k.shape[1]):
        return "a block that a query sees nothing of: -inf - -inf is nan"
    if q.dtype == torch.float32 and well(q / 1000, block):
        return LARGE
    return None


LARGE = (
    "with small scores it is right: exp of a large one is inf, and of a very small one 0. Subtract "
    "the largest score first"
)


def again(work: Work, name: str, *arguments: Any) -> Any:
    """What their function gives for other arguments; None where it gives nothing."""
    try:
        return work.call(name, *arguments)
    except FaultError:
        return None


def judge_attention(out: Tensor, right: Tensor, causes: Causes, what: str) -> None:
    if is_close(out, right, 1e-4):
        return

    def gives(make: Callable[[], Any]) -> Callable[[], bool]:
        return lambda: (made := make()) is not None and is_close(out, made, 1e-3)

    hint = only_cause((cause, gives(make)) for cause, make in causes().items())
    off = (~((out.double() - right).abs() <= 1e-4 * right.abs().max())).nonzero()
    at = tuple(off[0].tolist())
    raise Wrong(
        f"{what}: head {at[0]}, query {at[1]} is off", right[at].item(), out[at].item(), hint
    )


def judge_memory(work: Work, found: dict[str, Any], q: Tensor, k: Tensor, block: int) -> str:
    """Raises Wrong where what was made grows with all scores, or is not made for each block.

    Returns which case it was.
    """
    (heads, queries, size), keys = q.shape, k.shape[1]
    judge_own(found)
    at = f"T {queries}, S {keys}, block {block}"
    about = f"about {heads * queries * block}: heads * T * block"
    if found["largest"] >= queries * keys:
        what = "the scores" if found["largest"] >= heads * queries * keys else "a mask"
        raise Wrong(
            f"{at}: a tensor of {found['largest']} elements is made", about, found["largest"],
            f"{what} of T * S is what this is to do without: make it for a block at a time",
        )  # fmt: skip
    if found["outside"] >= queries * keys:
        raise Wrong(
            f"{at}: numpy or Python has {found['outside'] / 1e3:.0f} kB at once",
            f"far less than a byte for each of T * S, {queries * keys / 1e3:.0f} kB",
            f"{found['outside'] / 1e3:.0f} kB",
            "scores or a mask of T * S are what this is to do without, whatever makes them",
        )  # fmt: skip
    judge_blocks(work)
    if found["largest"] > 4 * heads * max(queries * block, keys * size):
        raise Wrong(
            f"{at}: a tensor of {found['largest']} elements is made", about, found["largest"]
        )
    whole = 4 * heads * queries * keys
    if 2 * (found["peak"] + found["outside"]) > whole:
        raise Wrong(
            f"{at}: {found['peak'] / 1e3:.0f} kB are in use at once",
            f"far less than all scores, {whole / 1e3:.0f} kB", f"{found['peak'] / 1e3:.0f} kB",
            "no tensor is large, but many are kept: what a block made can go when it is absorbed",
        )  # fmt: skip
    return at


def judge_blocks(work: Work) -> None:
    """Raises Wrong where two sizes of a block lead to the very same work."""
    for keys, blocks in BLOCKS.items():
        q, k, v = drawn_qkv(work.draw, 1, 2, keys, 4)
        done = [work.call("driver:work_done", "attention", q, k, v, block) for block in blocks]
        for small, large, one, other in zip(blocks, blocks[1:], done, done[1:], strict=False):
            if one == other:
                raise Wrong(
                    f"with a block of {small} keys the work is the same as with one of {large}",
                    f"{-(-keys // small)} and {-(-keys // large)} blocks of {keys} keys",
                    f"{one[0]} operations of torch in {one[1]} lines, both times",
                    "a block has the keys that are asked for, whatever you would choose",
                )  # fmt: skip


def hidden_as(score: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Attention where a key that is not to be seen has that score."""

    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys, queries = k.shape[1], q.shape[1]
        scores = q.double() @ k.double().transpose(1, 2) * q.shape[2] ** -0.5
        later = torch.arange(keys) > torch.arange(keys - queries, keys)[:, None]
        return torch.softmax(scores.masked_fill(later, score), dim=-1) @ v.double()

    return attention


def softmax_over(dim: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention with a softmax over another dimension of the scores [H, T, S]."""
    keys, queries = k.shape[1], q.shape[1]
    scores = q.double() @ k.double().transpose(1, 2) * q.shape[2] ** -0.5
    later = torch.arange(keys) > torch.arange(keys - queries, keys)[:, None]
    weights = torch.softmax(scores.masked_fill(later, MINUS), dim=dim).nan_to_num()
    return weights @ v.double()


def causal(p: int, j: int) -> bool:
    return j <= p


def attention_causes(q: Tensor, k: Tensor, v: Tensor, block: int) -> dict[str, Any]:
    keys, queries = k.shape[1], q.shape[1]
    before = keys - queries
    apart = list(blocks_apart(q, k, v, causal, block))
    several = len(apart) > 1
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
        "the softmax ends with each block: divide once, after the last": (
            lambda: sum(apart) if several else None
        ),
        "a mean over blocks is no softmax: their totals differ": (
            lambda: sum(apart) / len(apart) if several else None
        ),
        "only the first block is left": lambda: apart[0] if several else None,
        "only the last block is left: carry the state on": lambda: apart[-1] if several else None,
        "the score of a key that is not seen is -inf, not 0: exp(0) is 1": (
            lambda: hidden_as(0)(q, k, v)
        ),
        "the softmax is over the queries: sum over the keys, the last dimension": (
            lambda: softmax_over(1, q, k, v)
        ),
        "keys and values are exchanged": lambda: attended(q, v, k, causal),
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


def exact_qkv(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Two queries: all scores of one near 200, of the other near -200; exact in fp32."""
    k = draw.integers(8, 12, 1, 9, 4).float()
    q = torch.stack([torch.full((4,), 10.0), torch.full((4,), -10.0)])[None]
    return q, k, draw.normal(1, 9, 4)


def low_qkv(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Two queries, of which the first has scores near -5e9; exact in fp32, as 2**28 is."""
    _, k, v = exact_qkv(draw)
    return torch.stack([torch.full((4,), -(2.0**28)), torch.full((4,), -10.0)])[None], k, v


def judge_low_scores(work: Work, draw: Draw) -> None:
    """A number in place of -inf hides nothing where all other scores are lower."""
    q, k, v = low_qkv(draw)
    out = called_attention(work, q, k, v, 4)
    right = attended(q, k, v, causal)
    if not is_close(out, right, 1e-4):
        large = [-(10.0**power) for power in range(3, 10)]
        seen = any(is_close(out, hidden_as(score)(q, k, v), 1e-3) for score in large)
        hint = "hide a key with a score of -inf: a negative number can be the largest score"
        raise Wrong(
            "scores near -5e9: off", right[0, 0, 0].item(), out[0, 0, 0].item(),
            hint if seen else None,
        )  # fmt: skip


def long_qkv(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """2104 keys, of which the last ones count: the queries' own places are around 2100."""
    q, k, v = draw.normal(1, 9, 4), draw.normal(1, 2104, 4), draw.normal(1, 2104, 4)
    q[:, :, 0], k[:, :2090, 0], k[:, 2090:, 0] = 8, -1, 1
    return q, k, v


def drawn_qkv(
    draw: Draw, heads: int, queries: int, keys: int, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Such that no score is so small that a key could be forgotten unnoticed."""
    return (
        draw.normal(heads, queries, size),
        1.5 * draw.normal(heads, keys, size),
        draw.normal(heads, keys, size),
    )
