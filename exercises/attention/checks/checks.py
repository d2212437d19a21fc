"""Checks of attention in blocks and over pages, beside attention with all scores at once."""

from functools import partial
from operator import eq

import torch
from torch import Tensor

from workshop.judge.limits import Limits
from workshop.learn.checking import Work, Wrong, check, is_close, number, pair, tensor
from workshop.learn.mistakes import only_cause

from .blocks import (
    KEPT,
    LARGE,
    again,
    attention_causes,
    called_attention,
    causal,
    drawn_qkv,
    exact_qkv,
    judge_attention,
    judge_low_scores,
    judge_memory,
    long_qkv,
    window_causes,
)
from .pages import called_paged, drawn_pages, judge_paged, paged, place_causes, wild_pages
from .reference import MINUS, NAMES, attended, in_fp32, state_of
from .state import absorbed, hidden_causes, judge_state, merge_causes, wrong_states

# --- the state -----------------------------------------------------------------------------------


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
        scores[:, -1] -= scores[:, -1].max() + 1  # here all are negative
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
                f"exp({level:.0f}) is no number: subtract the largest score first"
                if parts[1].isinf().all()
                else None,
            )  # fmt: skip
        if isinstance(parts[1], Tensor) and parts[1].eq(0).all():
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
    causes = hidden_causes(empty, scores[:, :, :5], values[:, :5])
    judge_state(first, half, causes, "a first block, half hidden")
    found = absorbed(work, half, scores[:, :, 5:], values[:, 5:], "a second block, half hidden")
    causes = hidden_causes(half, scores[:, :, 5:], values[:, 5:])
    judge_state(found, state_of(scores, values), causes, "a second block, half hidden")


# --- attention in blocks -------------------------------------------------------------------------


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
        (2, 5, 19, 5, 4),  # but for its keys as the first one: a mask kept from that is too short
        (2, 5, 13, 5, 4),  # as the first one, and other numbers
    )
    for i, (heads, queries, keys, size, block) in enumerate(cases):
        q, k, v = drawn_qkv(draw, heads, queries, keys, size)
        out = called_attention(work, q, k, v, block)
        what = f"T {queries}, S {keys}, block {block}"
        right = attended(q, k, v, causal)
        try:
            judge_attention(
                out, right, lambda given=(q, k, v, block): attention_causes(*given), what
            )
        except Wrong as wrong:
            if wrong.hint is None and i:
                first = again(work, "driver:anew", "attention", q, k, v, block)
                if isinstance(first, Tensor) and is_close(first, right, 1e-4):
                    wrong.hint = KEPT
            raise

    q, k, v = exact_qkv(draw)
    out = called_attention(work, q, k, v, 4)
    right = attended(q, k, v, causal)
    if not is_close(out, right, 1e-4):
        small = again(work, "attention", q / 1000, k, v, 4)
        well = isinstance(small, Tensor) and is_close(small, attended(q / 1000, k, v, causal), 1e-4)
        what = "scores near 200 and -200: off"
        raise Wrong(what, right[0, 1, 0].item(), out[0, 1, 0].item(), LARGE if well else None)
    judge_low_scores(work, draw)
    q, k, v = long_qkv(draw)
    out = called_attention(work, q, k, v, 512)
    judge_attention(
        out, attended(q, k, v, causal), lambda: attention_causes(q, k, v, 512), "2104 keys"
    )


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
        (6, 5, 5),  # a window as wide as a block
    ):
        q, k, v = drawn_qkv(draw, 2, queries, keys, draw.integer(3, 6))
        out = called_attention(work, q, k, v, block, window)
        right = attended(q, k, v, lambda p, j, w=window: p - w < j <= p)
        what = f"T {queries}, S {keys}, block {block}, window {window}"
        judge_attention(out, right, lambda given=(q, k, v, window): window_causes(*given), what)


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
        sums = "the sums are in bf16, where 256 + 1 is 256: keep the state in fp32"
        hint = sums if right_in_fp32(work, q, k, v, 1) else None
        raise Wrong(f"bf16, {keys} keys: off", right[0, 0, 0].item(), out[0, 0, 0].item(), hint)
    heads, keys, size = draw.integer(1, 2), draw.integer(9, 14), 64
    q, k, v = drawn_qkv(draw, heads, 3, keys, size)
    q, k, v = (q / 2 + 40).half(), (k / 40 + 40).half(), v.half()  # products beyond fp16
    out = called_attention(work, q, k, v, 4)
    right = attended(q, k, v, causal)
    if not out.isfinite().all() or not is_close(out, right, 0.02):
        large = "a product beyond 65504 is inf in fp16: convert q and k to fp32 before it"
        hint = large if right_in_fp32(work, q, k, v, 4) else None
        raise Wrong("fp16, large products: off", right[0, 0, 0].item(), out[0, 0, 0].item(), hint)


def right_in_fp32(work: Work, q: Tensor, k: Tensor, v: Tensor, block: int) -> bool:
    """Whether the same numbers in fp32 go well, so that 16 bits are the cause."""
    out = again(work, "attention", q.float(), k.float(), v.float(), block)
    return isinstance(out, Tensor) and is_close(out, attended(q, k, v, causal), 1e-3)


@check(
    points=2,
    needs=("attention in blocks",),
    limits=Limits(seconds=30, cpu_seconds=30),  # small blocks of single queries are slow, not wrong
    hints=(
        "How many elements has your largest tensor? And does anything grow with T * S?",
        "Scores and mask are made for one block: [H, T, block]. The next block's replace them.",
        "Compare torch.arange(a, b) with the positions [T, 1] inside the loop; keep no list.",
    ),
)
def no_matrix_of_scores(work: Work) -> None:
    draw = work.draw
    heads, queries, keys, size, block = 2, draw.integer(22, 26), draw.integer(560, 640), 4, 32
    called_attention(work, *drawn_qkv(draw, 1, 2, 9, 4), 4)  # what is imported late is there then
    q, k, v = drawn_qkv(draw, heads, queries, keys, size)
    found = work.call("driver:watched_all", "attention", q, k, v, block)
    at = judge_memory(work, found, q, k, block)
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
    for trial in range(4):
        page, count = draw.choice([3, 5, 16]) if trial else 3, draw.integer(3, 6)
        table = torch.randperm(40, generator=draw.generator)[:count]
        for position in (0, page - 1, page, count * page - 1, draw.integer(page, count * page - 1)):
            told = work.call("driver:watched", "place", table, position, page)
            if told["changed"][0]:
                raise Wrong("place changes the table that it is given")
            found = pair(told["value"], "place")
            right = [int(table[position // page]), position % page]
            have = [number(one, "place") for one in found]
            if have == right:
                continue
            causes = place_causes(table, position, page)
            hint = only_cause((cause, partial(eq, have, wrong)) for cause, wrong in causes.items())
            what = f"position {position}, pages of {page}, table {table.tolist()}"
            raise Wrong(f"{what}: the wrong place", right, have, hint)


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
        ([draw.integer(2, 4) * page + 2], 2, draw.integer(3, 6), 1),
        (
            [
                draw.integer(1, 2) * page + 2,  # neither the longest nor the shortest
                draw.integer(3, 4) * page + 1,
                draw.integer(2, page - 1),
            ],
            draw.integer(2, 3), draw.integer(6, 7), 1,
        ),
        ([2 * page + 1, page + 2], page, page, 0),  # sizes the same
        ([2 * page + 1, page + 2], page, page, 0),  # once more, with other pages
        ([50 * page + 1], 1, 2, 1),
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
    some = draw.integer(3, 5)
    for lengths, page, spare in (
        ([some, 2 * some, 3 * some], some, 1),
        ([1, draw.integer(1, 3) * some, 0], some, 2),
        ([0], some, 1),
        ([7, 2], 1, 1),  # a page for each token
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
    lengths = [some + 1, 1, 2 * some, 0]
    q, keys, values, tables = wild_pages(draw, lengths, some, 2, draw.integer(3, 6), 1)
    out = called_paged(work, q, (keys, values), tables, lengths)
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
    page, heads, size = 8, 2, 32
    lengths = [draw.integer(500, 600), draw.integer(40, 90)]
    q, keys, values, tables = drawn_pages(draw, lengths, page, heads, size, 0)
    q, keys, values = q.bfloat16(), keys.bfloat16(), values.bfloat16()
    arguments = (q, keys, values, tables, torch.tensor(lengths))
    few = (q[:1], keys, values, tables[:1], torch.tensor([9]))
    again(work, "paged_attention", *few)  # what is imported late is there then
    found = work.call("driver:watched_all", "paged_attention", *arguments)
    whole = lengths[0] * heads * size
    if 4 * found["largest"] > whole:
        raise Wrong(
            f"for {lengths[0]} tokens, a tensor of {found['largest']} elements is made",
            f"about {page * heads * size}: one page", found["largest"],
            "the pages are gathered, or converted, all at once: read them one after another",
        )  # fmt: skip
    bytes_used = found["peak"] + found["outside"]
    if 2 * bytes_used > 4 * whole:
        many = found["outside"] < found["peak"]
        raise Wrong(
            f"for {lengths[0]} tokens, {bytes_used} bytes are in use at once",
            f"far less than the keys, {2 * whole} bytes in bf16", bytes_used,
            "no tensor is large, but many are kept: what a page made can go when it is absorbed"
            if many
            else "the pages are gathered outside of torch: read them one after another",
        )  # fmt: skip
    out = tensor(found["value"], "paged_attention", q.shape, torch.bfloat16)
    right = paged(q, (keys, values), tables, lengths)
    if not is_close(out, right, 0.01):
        precise = again(
            work, "paged_attention", q.float(), keys.float(), values.float(), *arguments[3:]
        )
        hint = "convert a page to fp32, and keep the state in fp32"
        well = isinstance(precise, Tensor) and is_close(precise, right, 1e-3)
        raise Wrong(
            "in bf16: off", right[0, 0, 0].item(), out[0, 0, 0].item(), hint if well else None
        )


# --- the stretch ---------------------------------------------------------------------------------


@check(
    points=2,
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
