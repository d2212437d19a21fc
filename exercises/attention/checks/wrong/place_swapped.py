"""The rest picks the page."""

HINT = "the whole part is the page"


def place(table, position, page):
    return int(table[position % page % len(table)]), position // page
