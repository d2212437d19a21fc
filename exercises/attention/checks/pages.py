"""Attention over pages: what is right, token by token, and judging it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Work, Wrong, is_close, tensor


def place_causes(table: Tensor, position: int, page: int) -> dict[str, list[int]]:
    """What typical mistakes take for the place of a token."""
    right = [int(table[position // page]), position % page]
    return {
        "the table tells which page of the pool it is": [position // page, position % page],
        "the whole part is the page, the rest the place in it": [
            int(table[position % page % len(table)]), position // page,
        ],
        "page first, then the place in it": right[::-1],
        "the place is counted within the page": [right[0], position],
        "positions are counted from 0: nothing need be subtracted": [
            int(table[max(position - 1, 0) // page]), (position - 1) % page,
        ],
    }  # fmt: skip


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
