"""Attention over pages: what is right, token by token, and judging it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workshop.learn.checking import Draw, Work, Wrong, is_close, tensor
from workshop.learn.mistakes import only_cause

from .blocks import WRITES, again


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
        "positions are counted from 0: nothing needs to be subtracted": [
            int(table[(position - 1) // page]), (position - 1) % page,
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

    def paged_from(first: Callable[[int], int]) -> Tensor:
        """Without the tokens before ``first`` of the length, which is at a page's beginning."""
        starts = [min(first(one), one) // page for one in lengths]
        moved = torch.stack([row.roll(-s) for row, s in zip(tables, starts, strict=True)])
        left = [one - s * page for one, s in zip(lengths, starts, strict=True)]
        return paged(q, pools, moved, left)

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
        "the last page is missing where it has one token: its start is below the length": (
            with_lengths(lambda n: n - 1 if n % page == 1 else n)
        ),
        "a last page that is full is missing: length % P is 0 there, and not P": (
            with_lengths(lambda n: n if n % page else n - page)
        ),
        "only the last page is read: carry the state on": (
            lambda: paged_from(lambda n: (n - 1) // page * page)
        ),
        "the first page is missing": lambda: paged_from(lambda n: page),
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
        "values lie in value_pages, not in key_pages": (
            lambda: paged(q, (pools[0], pools[0]), tables, lengths)
        ),
    }


def called_paged(
    work: Work, q: Tensor, pools: tuple[Tensor, Tensor], tables: Tensor, lengths: list[int]
) -> Tensor:
    found = work.call("driver:watched", "paged_attention", q, *pools, tables, torch.tensor(lengths))
    if any(found["changed"]):
        which = ("q", "key_pages", "value_pages", "tables", "lengths")
        raise Wrong(f"paged_attention changes {which[found['changed'].index(True)]}", hint=WRITES)
    out = tensor(found["value"], "paged_attention", q.shape)
    if out.dtype != q.dtype:
        raise Wrong("paged_attention has the wrong dtype", str(q.dtype), str(out.dtype))
    for row, length in enumerate(lengths):
        if not out[row].isfinite().all():
            hint = "nothing was seen: 0 / 0. Give such a sequence zeros" if not length else None
            raise Wrong(
                f"sequence {row}, of {length} tokens, is nan or inf",
                None if length else "0", out[row].flatten()[0].item(),
                hint or why_not_finite(work, row, q, pools, tables, lengths),
            )  # fmt: skip
    return out


def why_not_finite(
    work: Work,
    row: int,
    q: Tensor,
    pools: tuple[Tensor, Tensor],
    tables: Tensor,
    lengths: list[int],
) -> str | None:
    """Whether it is what lies in places that nobody fills: numbers there make it finite."""
    if all(pool.isfinite().all() for pool in pools):
        return None
    tame = [pool.nan_to_num(0.5, 0.5, 0.5) for pool in pools]
    out = again(work, "paged_attention", q, *tame, tables, torch.tensor(lengths))
    if not isinstance(out, Tensor) or out.shape != q.shape or not out[row].isfinite().all():
        return None
    return (
        "places that nobody fills are read: a weight of 0 does not hide a nan there, as 0 * nan is "
        "nan. Read only what is filled"
    )


def unfilled(keys: Tensor, tables: Tensor, lengths: list[int]) -> Tensor:
    """[pages, P], bool: places of the pool that no sequence fills."""
    page = keys.shape[1]
    unused = torch.ones(keys.shape[:2], dtype=torch.bool)
    for row, length in enumerate(lengths):
        for position in range(length):
            unused[tables[row, position // page], position % page] = False
    return unused


def wild_pages(
    draw: Draw, lengths: list[int], page: int, heads: int, size: int, spare: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As ``drawn_pages``, with nan where nobody fills, and no pages behind the last ones."""
    q, keys, values, tables = drawn_pages(draw, lengths, page, heads, size, spare)
    unused = unfilled(keys, tables, lengths)
    for row, length in enumerate(lengths):
        tables[row, -(-length // page) :] = draw.choice(WILD)
    keys[unused] = draw.choice([float("nan"), float("inf")])
    values[unused] = float("nan")
    return q, keys, values, tables


WILD = (10**12, -(10**12))


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

    def gives(make: Callable[[], Tensor]) -> Callable[[], bool]:
        return lambda: is_close(out, make(), max(within, 1e-3))

    causes = paged_causes(q, pools, tables, lengths)
    hint = only_cause((cause, gives(make)) for cause, make in causes.items())
    off = (~((out.double() - right).abs() <= within * right.abs().max())).nonzero()
    at = tuple(off[0].tolist())
    page = pools[0].shape[1]
    raise Wrong(
        f"sequence {at[0]}, of {lengths[at[0]]} tokens in pages of {page}: head {at[1]} is off",
        right[at].item(), out[at].item(), hint,
    )  # fmt: skip
