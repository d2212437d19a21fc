"""Hidden check of attention over pages: what lies where nobody wrote is anything."""

import torch

from workshop.learn.checking import Work, check

from ..pages import called_paged, drawn_pages, judge_paged

WILD = (10**12, -(10**12))


@check(
    points=1,
    hints=(
        "What is 0 * nan?",
        "nan: a weight of 0 does not hide a value. Only what is filled may be read at all.",
        "filled = min(page, length - start); key_pages[number, :filled], value_pages[number, ...]",
    ),
)
def places_that_nobody_fills(work: Work) -> None:
    """They hold whatever was there; table entries behind the last page are no pages."""
    draw = work.draw
    page = draw.integer(4, 6)
    lengths = [2 * page + 1, draw.integer(1, page - 1), 0, page]
    q, keys, values, tables = drawn_pages(draw, lengths, page, 2, draw.integer(3, 6), 2)
    unused = torch.ones(keys.shape[:2], dtype=torch.bool)
    for row, length in enumerate(lengths):
        for position in range(length):
            unused[tables[row, position // page], position % page] = False
        tables[row, -(-length // page) :] = draw.choice(WILD)
    keys[unused] = draw.choice([float("nan"), float("inf")])
    values[unused] = float("nan")
    out = called_paged(work, q, (keys, values), tables, lengths)
    judge_paged(out, q, (keys, values), tables, lengths)
