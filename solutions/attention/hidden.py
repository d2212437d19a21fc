"""Hidden check of attention over pages: large pages, and what lies where nobody wrote."""

from workshop.learn.checking import Work, check

from ..pages import called_paged, judge_paged, wild_pages


@check(
    points=1,
    hints=(
        "What is 0 * nan? And how many tokens has a page?",
        "nan: a weight of 0 does not hide a value. P, whatever it is: only what is filled is read.",
        "filled = min(page, length - start); key_pages[number, :filled], value_pages[number, ...]",
    ),
)
def places_that_nobody_fills(work: Work) -> None:
    """They hold whatever was there; table entries behind the last page are no pages."""
    draw = work.draw
    for page in (draw.integer(4, 6), draw.integer(40, 48)):
        lengths = [2 * page + 1, draw.integer(1, page - 1), 0, page]
        q, keys, values, tables = wild_pages(draw, lengths, page, 2, draw.integer(3, 6), 2)
        out = called_paged(work, q, (keys, values), tables, lengths)
        judge_paged(out, q, (keys, values), tables, lengths)
