"""The number of the page in the sequence, not in the pool."""

HINT = "which page of the pool"


def place(table, position, page):
    return position // page, position % page
