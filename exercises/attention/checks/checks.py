"""Checks of attention in blocks and over pages, beside attention with all scores at once."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Work, Wrong, check, is_close, number, pair, tensor

State = tuple[Tensor, Tensor, Tensor]
NAMES = ("largest", "total", "mixed")
MINUS = float("-inf")


# --- what is right, slowly, in fp64 --------------------------------------------------------------


def state_of(scores: Tensor, values: Tensor) -> State:
    """The state after all these scores [H, T, N] and values [H, N, D]."""
    scores, values = scores.double(), values.double()
    heads, queries, _ = scores.shape
    largest = torch.full((heads, queries), MINUS, dtype=torch.float64)
    total = torch.zeros(heads, queries, dtype=torch.float64)
    mixed = torch.zeros(heads, queries, values.shape[2], dtype=torch.float64)
    for h in range(heads):
        for t in range(queries):
            seen = scores[h, t] > MINUS
            if seen.any():
                largest[h, t] = scores[h, t].max()
                weights = torch.exp(scores[h, t, seen] - largest[h, t])
                total[h, t] = weights.sum()
                mixed[h, t] = (weights[:, None] * values[h, seen]).sum(0)
    return largest, total, mixed


def in_fp32(state: State) -> list[Tensor]:
    return [one.float() for one in state]


def attended(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    sees: Callable[[int, int], bool],
    power: float = -0.5,
) -> Tensor:
    """Attention [H, T, D] where a query at ``place`` sees key j if ``sees(place, j)``."""
    keys, queries = k.shape[1], q.shape[1]
    out = torch.zeros(q.shape, dtype=torch.float64)
    scores = q.double() @ k.double().transpose(1, 2) * q.shape[2] ** power
    for t in range(queries):
        seen = [j for j in range(keys) if sees(keys - queries + t, j)]
        if seen:
            weights = torch.softmax(scores[:, t, seen], dim=-1)
            out[:, t] = (weights[:, :, None] * v.double()[:, seen]).sum(1)
    return out


def blocks_apart(
    q: Tensor, k: Tensor, v: Tensor, sees: Callable[[int, int], bool], block: int
) -> Iterator[Tensor]:
    """Attention over each block by itself: what comes of a softmax that ends with its block."""
    for start in range(0, k.shape[1], block):
        stop = start + block
        yield attended(q, k, v, lambda p, j, a=start, b=stop: sees(p, j) and a <= j < b)


def never_rescaled(
    q: Tensor, k: Tensor, v: Tensor, sees: Callable[[int, int], bool], block: int, total_too: bool
) -> Tensor:
    """Attention where the sums keep the largest score that they were made with."""
    keys, queries = k.shape[1], q.shape[1]
    out = torch.zeros(q.shape, dtype=torch.float64)
    scores = q.double() @ k.double().transpose(1, 2) * q.shape[2] ** -0.5
    for h in range(q.shape[0]):
        for t in range(queries):
            largest, total, mixed = MINUS, torch.tensor(0.0).double(), torch.zeros(v.shape[2])
            for start in range(0, keys, block):
                seen = [
                    j for j in range(start, min(start + block, keys)) if sees(keys - queries + t, j)
                ]
                if not seen:
                    continue
                new = max(largest, float(scores[h, t, seen].max()))
                weights = torch.exp(scores[h, t, seen] - new)
                kept = (
                    1.0 if total_too or largest == MINUS else torch.exp(torch.tensor(largest - new))
                )
                total = total * kept + weights.sum()
                mixed = mixed + weights @ v[h, seen].double()
                largest = new
            if total > 0:
                out[h, t] = mixed / total
    return out


# --- the state -----------------------------------------------------------------------------------


def judge_state(found: Any, right: State, causes: dict[str, State], what: str) -> None:
    """Raises Wrong where a state differs, with the cause that gives just that."""
    parts = [
        tensor(one, f"{what}: {name}", want.shape, torch.float32)
        for one, name, want in zip(pair(found, what, 3), NAMES, right, strict=True)
    ]
    for one, name, want in zip(parts, NAMES, right, strict=True):
        if one.isnan().any():
            at = one.isnan().nonzero()[0].tolist()
            raise Wrong(
                f"{what}: {name} is nan for head {at[0]}, query {at[1]}", want[tuple(at)].item(),
                "nan", "-inf - -inf is nan: where nothing was seen, subtract something finite",
            )  # fmt: skip
    if all(map(same_or_minus, parts, right)):
        return
    hint = next(
        (cause for cause, wrong in causes.items() if all(map(same_or_minus, parts, wrong))), None
    )
    one, name, want = next(
        (one, name, want)
        for one, name, want in zip(parts, NAMES, right, strict=True)
        if not same_or_minus(one, want)
    )
    equal = (one.double() == want) | ((one.double() - want).abs() <= 1e-4 * (1 + want.abs()))
    off = (~equal).nonzero()
    at = tuple(off[0].tolist()) if len(off) else (0, 0)
    raise Wrong(
        f"{what}: {name} is off for head {at[0]}, query {at[1]}",
        want[at].flatten()[0].item(), one[at].flatten()[0].item(), hint,
    )  # fmt: skip


def same_or_minus(one: Tensor, want: Tensor) -> bool:
    """Close, and -inf at the same places."""
    none = want == MINUS
    if not torch.equal(one == MINUS, none) or not one[~none].isfinite().all():
        return False
    return is_close(one[~none], want[~none], 1e-4)


def wrong_states(old: State, scores: Tensor, values: Tensor) -> dict[str, State]:
    """What typical mistakes make of a state and one more block."""
    largest, total, mixed = (one.double() for one in old)
    scores, values = scores.double(), values.double()
    block = scores.amax(-1)
    new = torch.maximum(largest, block)
    kept = torch.where(largest == MINUS, torch.zeros_like(new), torch.exp(largest - new))
    risen = torch.where(largest == MINUS, torch.zeros_like(new), torch.exp(new - largest))
    weights = torch.exp(scores - new[:, :, None])
    summed, blended = weights.sum(-1), weights @ values
    right_total, right_mixed = total * kept + summed, mixed * kept[:, :, None] + blended
    local = torch.exp(scores - block[:, :, None])
    plain = torch.exp(scores)
    since = torch.exp(scores - torch.where(largest == MINUS, new, largest)[:, :, None])
    return {
        "mixed is not rescaled: when the largest score grows, what was summed before is too large "
        "by exp(new - old)": (new, right_total, mixed + blended),
        "total is not rescaled: it is a sum of exp(score - largest) too": (
            new, total + summed, right_mixed,
        ),
        "neither sum is rescaled: when the largest score grows, what was summed before is too "
        "large by exp(new - old)": (new, total + summed, mixed + blended),
        "rescaled the wrong way: multiply by exp(old - new), which is at most 1": (
            new, total * risen + summed, mixed * risen[:, :, None] + blended,
        ),
        "mixed is divided by total already: divide once, at the very end": (
            new, right_total, right_mixed / right_total[:, :, None],
        ),
        "largest is that of ALL scores so far, not of this block alone": (
            block,
            total * torch.exp(largest - block) + local.sum(-1),
            mixed * torch.exp(largest - block)[:, :, None] + local @ values,
        ),
        "the block's weights are exp(score - largest of all so far), not of the block alone": (
            new, total * kept + local.sum(-1), right_mixed - blended + local @ values,
        ),
        "nothing is subtracted from the scores: exp(score - largest)": (
            new, total * kept + plain.sum(-1), right_mixed - blended + plain @ values,
        ),
        "the largest score stays as it was: take the larger of the old one and the block's": (
            torch.where(largest == MINUS, new, largest),
            total + since.sum(-1), mixed + since @ values,
        ),
        "what was summed before is lost: add to it": (new, summed, blended),
    }  # fmt: skip


def absorbed(work: Work, old: State, scores: Tensor, values: Tensor, what: str) -> Any:
    """Their state after one more block; the old one must stay as it was."""
    found = work.call("driver:stated", "absorb", in_fp32(old), scores.float(), values.float())
    if any(found["changed"]):
        which = ("the state", "scores", "values")[found["changed"].index(True)]
        hint = "an operation with _ at its end, or += on a tensor, writes into it"
        raise Wrong(f"{what}: absorb changes {which} that it is given", hint=hint)
    return found["value"]


@check(
    points=2,
    hints=(
        "What are largest, total and mixed of a single block?",
        "The maximum of its scores, the sum of exp(score - largest), and that times the values.",
        "weights = torch.exp(scores - largest[:, :, None]); weights.sum(-1); weights @ values",
    ),
)
def the_first_block(work: Work) -> None:
    draw = work.draw
    for heads, queries, keys, size in (
        (1, 1, 1, draw.integer(2, 5)),
        (draw.integer(2, 3), draw.integer(4, 6), draw.integer(7, 9), draw.integer(2, 3)),
    ):
        old = state_of(torch.zeros(heads, queries, 0), torch.zeros(heads, 0, size))
        scores, values = 2 * draw.normal(heads, queries, keys), draw.normal(heads, keys, size)
        what = "after the first block"
        found = absorbed(work, old, scores, values, what)
        judge_state(found, state_of(scores, values), wrong_states(old, scores, values), what)


@check(
    points=3,
    needs=("the first block",),
    hints=(
        "What are the old sums worth, when the largest score has grown?",
        "They were made with exp(score - old); the new one makes them exp(old - new) times that.",
        "kept = torch.exp(old - new); total * kept + ..., and mixed * kept[:, :, None] + ...",
    ),
)
def one_more_block(work: Work) -> None:
    draw = work.draw
    heads, queries, size = draw.integer(2, 3), draw.integer(4, 6), draw.integer(2, 5)
    scores = 2 * draw.normal(heads, queries, 3 + 4)
    values = draw.normal(heads, 3 + 4, size)
    scores[:, 0, :3] -= 5  # here the largest grows
    scores[:, 1, :3] += 5  # here it does not
    old = state_of(scores[:, :, :3], values[:, :3])
    what = "after one more block"
    found = absorbed(work, old, scores[:, :, 3:], values[:, 3:], what)
    causes = wrong_states(tuple(in_fp32(old)), scores[:, :, 3:], values[:, 3:])
    judge_state(found, state_of(scores, values), causes, what)


@check(
    points=1,
    needs=("one more block",),
    hints=(
        "How large is exp(1000)?",
        "Too large for any float: only differences from the largest score may go into exp.",
        "torch.exp(scores - largest[:, :, None]), torch.exp(old - largest)",
    ),
)
def large_scores(work: Work) -> None:
    draw = work.draw
    heads, queries, size = draw.integer(1, 3), draw.integer(3, 5), draw.integer(2, 5)
    for level in (draw.number(300, 3000), -draw.number(300, 3000)):
        scores = draw.normal(heads, queries, 9) + level
        scores = scores.float()
        values = draw.normal(heads, 9, size)
        old = state_of(scores[:, :, :4], values[:, :4])
        what = f"scores near {level:.0f}"
        found = absorbed(work, old, scores[:, :, 4:], values[:, 4:], what)
        parts = pair(found, what, 3)
        right = state_of(scores, values)
        broken = [
            name
            for one, name in zip(parts, NAMES, strict=True)
            if isinstance(one, Tensor) and not one.isfinite().all()
        ]
        if broken:
            raise Wrong(
                f"{what}: {broken[0]} is not finite", "a finite number", "inf or nan",
                f"exp({level:.0f}) is no number: subtract the largest score first",
            )  # fmt: skip
        if isinstance(parts[1], Tensor) and parts[1].eq(0).any():
            raise Wrong(
                f"{what}: total is 0", "at least 1", 0,
                f"exp({level:.0f}) is 0: subtract the largest score first",
            )  # fmt: skip
        judge_state(found, right, {}, what)


@check(
    points=2,
    needs=("one more block",),
    hints=(
        "What is -inf - -inf?",
        "nan. It comes up where a query has seen nothing yet, and sees nothing of this block.",
        "reference = torch.where(largest.isinf(), 0.0, largest), and subtract that",
    ),
)
def a_block_that_nobody_sees(work: Work) -> None:
    draw = work.draw
    heads, queries, size = draw.integer(1, 3), draw.integer(4, 6), draw.integer(2, 5)
    scores, values = draw.normal(heads, queries, 10), draw.normal(heads, 10, size)
    scores[:, 0] = MINUS  # sees nothing at all
    scores[:, 1, :5] = MINUS  # sees nothing of the first block
    scores[:, 2, 5:] = MINUS  # sees nothing of the second one
    scores[:, 3, 7] = MINUS
    empty = state_of(scores[:, :, :0], values[:, :0])
    first = absorbed(work, empty, scores[:, :, :5], values[:, :5], "a first block, half hidden")
    half = state_of(scores[:, :, :5], values[:, :5])
    judge_state(first, half, {}, "a first block, half hidden")
    found = absorbed(work, half, scores[:, :, 5:], values[:, 5:], "a second block, half hidden")
    judge_state(found, state_of(scores, values), {}, "a second block, half hidden")


# --- attention in blocks -------------------------------------------------------------------------


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


def drawn_qkv(
    draw: Draw, heads: int, queries: int, keys: int, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Such that no score is so small that a key could be forgotten unnoticed."""
    return (
        draw.normal(heads, queries, size),
        1.5 * draw.normal(heads, keys, size),
        draw.normal(heads, keys, size),
    )


@check(
    points=3,
    needs=("a block that nobody sees",),
    hints=(
        "Go over the keys block by block; what is carried from one to the next?",
        "The state: absorb it with the block's scores, scaled, and -inf where j > position.",
        "scores = q.float() / sqrt(D) @ k[:, a:b].float().transpose(1, 2); position = S - T + i",
    ),
)
def attention_in_blocks(work: Work) -> None:
    draw = work.draw
    cases = (
        (2, 5, 13, 5, 4),  # the last block is not full
        (draw.integer(2, 3), draw.integer(4, 7), draw.integer(17, 23), draw.integer(3, 7), 6),
        (1, 8, 8, 8, 8),  # one block, all sizes the same
        (2, 1, draw.integer(7, 11), 4, 3),  # decode
        (1, draw.integer(3, 6), draw.integer(9, 12), 3, 50),  # a block larger than all
        (1, 4, draw.integer(5, 9), 3, 1),
    )
    for heads, queries, keys, size, block in cases:
        q, k, v = drawn_qkv(draw, heads, queries, keys, size)
        out = called_attention(work, q, k, v, block)
        what = f"T {queries}, S {keys}, block {block}"
        right = attended(q, k, v, causal)
        judge_attention(out, right, lambda given=(q, k, v, block): attention_causes(*given), what)


@check(
    points=1,
    needs=("attention in blocks",),
    hints=(
        "Which keys does the query at position p see with a window of 1?",
        "Itself alone. With a window w: j > p - w, and j <= p.",
        "seen = (j <= p) & (j > p - window); early blocks may be hidden from late queries",
    ),
)
def a_sliding_window(work: Work) -> None:
    draw = work.draw
    keys = draw.integer(18, 24)
    for queries, window, block in (
        (draw.integer(9, 12), draw.integer(2, 4), draw.integer(4, 5)),
        (keys, 1, 5),
        (4, keys + draw.integer(0, 9), 7),
    ):
        q, k, v = drawn_qkv(draw, 2, queries, keys, draw.integer(3, 6))
        out = called_attention(work, q, k, v, block, window)
        right = attended(q, k, v, lambda p, j, w=window: p - w < j <= p)
        causes = {
            "the window is ignored": lambda q=q, k=k, v=v: attended(q, k, v, causal),
            "the window is one too wide: it counts the query itself, so j > position - window": (
                lambda q=q, k=k, v=v, w=window: attended(q, k, v, lambda p, j: p - w <= j <= p)
            ),
            "the window is one too narrow: j > position - window": (
                lambda q=q, k=k, v=v, w=window: attended(q, k, v, lambda p, j: p - w + 1 < j <= p)
            ),
            "the window is the last keys before a query, not the last of all": (
                lambda q=q, k=k, v=v, w=window: attended(
                    q, k, v, lambda p, j: j <= p and j >= k.shape[1] - w
                )
            ),
            "the window is hidden in place of seen": (
                lambda q=q, k=k, v=v, w=window: attended(q, k, v, lambda p, j: j <= p - w)
            ),
            "with a window, too, a query must not see what comes after it": (
                lambda q=q, k=k, v=v, w=window: attended(q, k, v, lambda p, j: p - w < j)
            ),
        }
        what = f"T {queries}, S {keys}, block {block}, window {window}"
        judge_attention(out, right, lambda causes=causes: causes, what)


@check(
    points=2,
    needs=("attention in blocks",),
    hints=(
        "What is 256 + 1 in bf16? And what is the largest number in fp16?",
        "256, and 65504. Convert q, k and v of a block to fp32, and keep the state in fp32.",
        "q.float() / sqrt(D) before the product; out.to(q.dtype) at the very end",
    ),
)
def sixteen_bits(work: Work) -> None:
    draw = work.draw
    queries, keys, size = 2, draw.integer(500, 600), draw.integer(3, 5)
    q, k, v = drawn_qkv(draw, 1, queries, keys, size)
    q, k, v = (0.05 * q).bfloat16(), k.bfloat16(), (v + 1).bfloat16()
    out = tensor(work.call("attention", q, k, v, 1), "attention", q.shape, torch.bfloat16)
    right = attended(q, k, v, causal)
    if not is_close(out, right, 0.01):
        hint = "the sums are in bf16, where 256 + 1 is 256: keep the state in fp32"
        raise Wrong(f"bf16, {keys} keys: off", right[0, 0, 0].item(), out[0, 0, 0].item(), hint)
    heads, keys, size = draw.integer(1, 2), draw.integer(9, 14), 64
    q, k, v = drawn_qkv(draw, heads, 3, keys, size)
    q, k = (q / 2 + 40).half(), (k / 40 + 40).half()  # products beyond what fp16 can hold
    out = called_attention(work, q, k, v.half(), 4)
    right = attended(q, k, v.half(), causal)
    if not out.isfinite().all() or not is_close(out, right, 0.02):
        hint = "a product beyond 65504 is inf in fp16: convert q and k to fp32 before it"
        raise Wrong("fp16, large products: off", right[0, 0, 0].item(), out[0, 0, 0].item(), hint)


@check(
    points=2,
    needs=("attention in blocks",),
    hints=(
        "How many elements has your largest tensor? And does anything grow with T * S?",
        "Scores and mask are made for one block: [H, T, block]. The next block's replace them.",
        "Compare torch.arange(a, b) with the positions [T, 1] inside the loop; keep no list.",
    ),
)
def no_matrix_of_scores(work: Work) -> None:
    draw = work.draw
    heads, queries, keys, size, block = 2, draw.integer(180, 220), draw.integer(500, 600), 8, 8
    q, k, v = drawn_qkv(draw, heads, queries, keys, size)
    found = work.call("driver:watched", "attention", q, k, v, block)
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
    whole = 4 * heads * queries * keys
    if 2 * found["peak"] > whole:
        raise Wrong(
            f"{at}: {found['peak'] / 1e3:.0f} kB are in use at once",
            f"far less than all scores, {whole / 1e3:.0f} kB", f"{found['peak'] / 1e3:.0f} kB",
            "no tensor is large, but many are kept: what a block made can go when it is absorbed",
        )  # fmt: skip
    out = tensor(found["value"], "attention", q.shape)
    judge_attention(out, attended(q, k, v, causal), dict, at)


# --- pages ---------------------------------------------------------------------------------------


@check(
    points=1,
    hints=(
        "A page holds 16 tokens. In which of the sequence's pages is token 37, and where in it?",
        "In its page 37 // 16 = 2, at place 37 % 16 = 5; the table tells which page that is.",
        "int(table[position // page]), position % page",
    ),
)
def where_a_token_lies(work: Work) -> None:
    draw = work.draw
    for _ in range(4):
        page, count = draw.choice([3, 5, 16]), draw.integer(3, 6)
        table = torch.randperm(40, generator=draw.generator)[:count]
        for position in (0, page - 1, page, draw.integer(page, count * page - 1)):
            found = pair(work.call("place", table, position, page), "place")
            right = [int(table[position // page]), position % page]
            have = [number(one, "place") for one in found]
            if have == right:
                continue
            causes = {
                "the table tells which page of the pool it is": [position // page, position % page],
                "the whole part is the page, the rest the place in it": [
                    int(table[position % page % count]), position // page,
                ],
                "page first, then the place in it": right[::-1],
                "the place is counted within the page": [right[0], position],
                "positions are counted from 0: nothing need be subtracted": [
                    int(table[max(position - 1, 0) // page]), (position - 1) % page,
                ],
            }  # fmt: skip
            hint = next((cause for cause, wrong in causes.items() if have == wrong), None)
            what = f"position {position}, pages of {page}, table {table.tolist()}"
            raise Wrong(f"{what}: the wrong place", right, have, hint)


def drawn_pages(
    draw: Draw, lengths: list[int], page: int, heads: int, size: int, spare: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """q, both pools and the tables; every place of the pools holds something."""
    needed = [-(-length // page) for length in lengths]
    count = sum(needed) + len(lengths) + 3
    pages = torch.randperm(count, generator=draw.generator).tolist()
    if pages[: needed[0]] == list(range(needed[0])):  # a table must not be in order by chance
        pages.reverse()
    columns = max(needed) + spare
    rows = []
    for many in needed:
        own, pages = pages[:many], pages[many:]
        rows.append(own + [draw.choice([-1, 0, count - 1]) for _ in range(columns - many)])
    return (
        draw.normal(len(lengths), heads, size),
        1.5 * draw.normal(count, page, heads, size),
        draw.normal(count, page, heads, size),
        torch.tensor(rows, dtype=torch.int64).reshape(len(lengths), columns),
    )


def paged(
    q: Tensor,
    pools: tuple[Tensor, Tensor],
    tables: Tensor,
    lengths: list[int],
    where: Callable[[int, int], tuple[int, int]] | None = None,
    power: float = -0.5,
) -> Tensor:
    """Attention of each sequence over its tokens, gathered one by one; ``where(row, position)``."""
    page = pools[0].shape[1]
    out = torch.zeros(q.shape, dtype=torch.float64)

    def usual(row: int, position: int) -> tuple[int, int]:
        return int(tables[row, position // page]), position % page

    for row, length in enumerate(lengths):
        if length <= 0:
            continue
        found = [(where or usual)(row, position) for position in range(length)]
        k = torch.stack([pools[0][number, slot] for number, slot in found]).double()
        v = torch.stack([pools[1][number, slot] for number, slot in found]).double()
        scores = (q[row].double() * k).sum(-1) * q.shape[2] ** power  # [length, H]
        out[row] = (torch.softmax(scores, dim=0)[:, :, None] * v).sum(0)
    return out


def paged_causes(
    q: Tensor, pools: tuple[Tensor, Tensor], tables: Tensor, lengths: list[int]
) -> dict[str, Any]:
    page, columns = pools[0].shape[1], tables.shape[1]
    most = columns * page

    def with_lengths(change: Callable[[int], int]) -> Callable[[], Tensor]:
        return lambda: paged(q, pools, tables, [min(max(change(one), 0), most) for one in lengths])

    def page_by_page(mean: bool) -> Tensor:
        out = torch.zeros(q.shape, dtype=torch.float64)
        for row, length in enumerate(lengths):
            starts = range(0, length, page)
            for start in starts:
                table = tables[row : row + 1, start // page :]
                filled = min(page, length - start)
                one = paged(q[row : row + 1], pools, table, [filled])[0]
                out[row] += one / len(starts) if mean else one
        return out

    return {
        "the table is not used: a sequence's pages lie anywhere in the pool": (
            lambda: paged(q, pools, tables, lengths, lambda row, p: (p // page, p % page))
        ),
        "every sequence has a table of its own": (
            lambda: paged(
                q, pools, tables, lengths, lambda row, p: (int(tables[0, p // page]), p % page)
            )
        ),
        "the last page is read to its end: behind the length, it holds what was there before": (
            with_lengths(lambda n: -(-n // page) * page)
        ),
        "the last page is missing where it is not full": with_lengths(lambda n: n // page * page),
        "the last token is missing: lengths counts it": with_lengths(lambda n: n - 1),
        "a sequence of whole pages has no further one: what the table says behind them means "
        "nothing": with_lengths(lambda n: n if n % page else n + page),
        "one token too many is read": with_lengths(lambda n: n + 1),
        "every sequence has a length of its own": with_lengths(lambda n: max(lengths)),
        "each sequence has its own length, not the first one's": with_lengths(lambda n: lengths[0]),
        "all of the table is read, whatever the length": with_lengths(lambda n: most),
        "the scores are not scaled: divide them by sqrt(D)": (
            lambda: paged(q, pools, tables, lengths, power=0)
        ),
        "the scores are divided by D, not by sqrt(D)": (
            lambda: paged(q, pools, tables, lengths, power=-1)
        ),
        "the softmax ends with each page: divide once, after the last": (
            lambda: page_by_page(False)
        ),
        "a mean over pages is no softmax: their totals differ": lambda: page_by_page(True),
        "keys and values are exchanged": lambda: paged(q, pools[::-1], tables, lengths),
    }


def called_paged(
    work: Work, q: Tensor, pools: tuple[Tensor, Tensor], tables: Tensor, lengths: list[int]
) -> Tensor:
    found = work.call("driver:watched", "paged_attention", q, *pools, tables, torch.tensor(lengths))
    if any(found["changed"]):
        which = ("q", "key_pages", "value_pages", "tables", "lengths")
        raise Wrong(f"paged_attention changes {which[found['changed'].index(True)]}")
    out = tensor(found["value"], "paged_attention", q.shape)
    if out.dtype != q.dtype:
        raise Wrong("paged_attention has the wrong dtype", str(q.dtype), str(out.dtype))
    for row, length in enumerate(lengths):
        if not out[row].isfinite().all():
            raise Wrong(
                f"sequence {row}, of {length} tokens, is nan or inf", "0" if not length else None,
                out[row].flatten()[0].item(),
                "nothing was seen: 0 / 0. Give such a sequence zeros" if not length else None,
            )  # fmt: skip
    return out


def judge_paged(
    out: Tensor,
    q: Tensor,
    pools: tuple[Tensor, Tensor],
    tables: Tensor,
    lengths: list[int],
    within: float = 1e-4,
) -> None:
    right = paged(q, pools, tables, lengths)
    if is_close(out, right, within):
        return
    causes = paged_causes(q, pools, tables, lengths)
    hint = next(
        (cause for cause, make in causes.items() if is_close(out, make(), max(within, 1e-3))), None
    )
    off = ((out.double() - right).abs() > within * right.abs().max()).nonzero()
    at = tuple(off[0].tolist())
    page = pools[0].shape[1]
    raise Wrong(
        f"sequence {at[0]}, of {lengths[at[0]]} tokens in pages of {page}: head {at[1]} is off",
        right[at].item(), out[at].item(), hint,
    )  # fmt: skip


@check(
    points=3,
    needs=("a block that nobody sees", "where a token lies"),
    hints=(
        "It is attention in blocks. What is a block now, and how many of its places count?",
        "Page tables[row, i] of the pools; the last page is filled up to the length alone.",
        "for start in range(0, length, P): key_pages[tables[row, start // P], : length - start]",
    ),
)
def attention_over_pages(work: Work) -> None:
    draw = work.draw
    page = draw.integer(4, 6)
    for lengths, heads, size, spare in (
        ([draw.integer(2, 4) * page + 2], 2, draw.integer(3, 6), 0),
        (
            [
                draw.integer(3, 4) * page + 1,
                draw.integer(1, 2) * page + 2,
                draw.integer(2, page - 1),
            ],
            draw.integer(2, 3), draw.integer(6, 7), 1,
        ),
        ([2 * page + 1, page + 2], page, page, 0),  # sizes the same
    ):  # fmt: skip
        q, keys, values, tables = drawn_pages(draw, lengths, page, heads, size, spare)
        out = called_paged(work, q, (keys, values), tables, lengths)
        judge_paged(out, q, (keys, values), tables, lengths)


@check(
    points=2,
    needs=("attention over pages",),
    hints=(
        "How many pages does a sequence of exactly two pages have? And one of no token?",
        "Two, and none: what the table says behind them means nothing.",
        "range(0, length, page) has as many entries as there are pages; total may be 0.",
    ),
)
def full_pages_and_none(work: Work) -> None:
    draw = work.draw
    page = draw.integer(3, 5)
    for lengths, spare in (
        ([page, 2 * page, 3 * page], 1),
        ([1, draw.integer(1, 3) * page, 0], 2),
        ([0], 1),
    ):
        order = torch.randperm(len(lengths), generator=draw.generator).tolist()
        lengths = [lengths[i] for i in order]
        q, keys, values, tables = drawn_pages(draw, lengths, page, 2, draw.integer(3, 6), spare)
        out = called_paged(work, q, (keys, values), tables, lengths)
        for row, length in enumerate(lengths):
            if not length and out[row].any():
                hint = "it has seen nothing: 0 / something, not what a page happens to hold"
                raise Wrong(f"sequence {row} has no token", 0, out[row].flatten()[0].item(), hint)
        judge_paged(out, q, (keys, values), tables, lengths)


@check(
    points=2,
    needs=("attention over pages",),
    hints=(
        "What is the largest tensor that you make of the keys?",
        "One page of one sequence: [P, H, D]. Gathering all of them first is a copy of the cache.",
        "key_pages[number, :filled].float() inside the loop, absorbed, and gone",
    ),
)
def pages_where_they_lie(work: Work) -> None:
    draw = work.draw
    page, heads, size = 8, 2, 8
    lengths = [draw.integer(500, 600), draw.integer(40, 90)]
    q, keys, values, tables = drawn_pages(draw, lengths, page, heads, size, 0)
    q, keys, values = q.bfloat16(), keys.bfloat16(), values.bfloat16()
    found = work.call(
        "driver:watched", "paged_attention", q, keys, values, tables, torch.tensor(lengths)
    )
    whole = lengths[0] * heads * size
    if 4 * found["largest"] > whole:
        raise Wrong(
            f"for {lengths[0]} tokens, a tensor of {found['largest']} elements is made",
            f"about {page * heads * size}: one page", found["largest"],
            "the pages are gathered, or converted, all at once: read them one after another",
        )  # fmt: skip
    if 2 * found["peak"] > 4 * whole:
        raise Wrong(
            f"for {lengths[0]} tokens, {found['peak']} bytes are in use at once",
            f"far less than the keys, {2 * whole} bytes in bf16", found["peak"],
            "no tensor is large, but many are kept: what a page made can go when it is absorbed",
        )  # fmt: skip
    out = tensor(found["value"], "paged_attention", q.shape, torch.bfloat16)
    if not is_close(out, paged(q, (keys, values), tables, lengths), 0.01):
        hint = "convert a page to fp32, and keep the state in fp32"
        right = paged(q, (keys, values), tables, lengths)
        raise Wrong("in bf16: off", right[0, 0, 0].item(), out[0, 0, 0].item(), hint)


# --- the stretch ---------------------------------------------------------------------------------


@check(
    points=2,
    needs=("a block that nobody sees",),
    hints=(
        "Both sums must refer to the same largest score before they can be added.",
        "The larger of the two; each side's sums are rescaled by exp(its own - larger).",
        "As in absorb: where neither has seen anything, -inf - -inf must not come up.",
    ),
)
def merging_two_states(work: Work) -> None:
    draw = work.draw
    heads, queries, size = draw.integer(1, 3), draw.integer(5, 7), draw.integer(2, 5)
    for level in (3.0, draw.number(300, 1000)):
        scores, values = draw.normal(heads, queries, 11), draw.normal(heads, 11, size)
        scores[:, 0, :4] += level
        scores[:, 1, 4:] += level
        scores[:, 2, :4] = MINUS
        scores[:, 3, 4:] = MINUS
        scores[:, 4] = MINUS
        one = state_of(scores[:, :, :4], values[:, :4])
        other = state_of(scores[:, :, 4:], values[:, 4:])
        found = work.call("driver:stated", "merge", in_fp32(one), in_fp32(other))
        if any(found["changed"]):
            raise Wrong("merge changes a state that it is given")
        judge_state(found["value"], state_of(scores, values), merge_causes(one, other), "merged")


def merge_causes(one: State, other: State) -> dict[str, State]:
    largest = torch.maximum(one[0], other[0])

    def kept(state: State, by: Tensor) -> Tensor:
        return torch.where(state[0] == MINUS, torch.zeros_like(by), torch.exp(state[0] - by))

    first, second = kept(one, largest), kept(other, largest)
    return {
        "neither is rescaled: their sums refer to different largest scores": (
            largest, one[1] + other[1], one[2] + other[2],
        ),
        "the first is not rescaled: either can have the smaller largest score": (
            largest,
            one[1] + other[1] * second, one[2] + other[2] * second[:, :, None],
        ),
        "the second is not rescaled: either can have the smaller largest score": (
            largest,
            one[1] * first + other[1], one[2] * first[:, :, None] + other[2],
        ),
        "mixed is not rescaled": (
            largest, one[1] * first + other[1] * second, one[2] + other[2],
        ),
        "total is not rescaled": (
            largest, one[1] + other[1],
            one[2] * first[:, :, None] + other[2] * second[:, :, None],
        ),
    }  # fmt: skip
