"""Positions counted from 1."""

HINT = "counted from 0"


def place(table, position, page):
    return int(table[(position - 1) // page]), (position - 1) % page
