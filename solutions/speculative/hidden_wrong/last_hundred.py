"""Looks back a hundred tokens, and no further."""

CHECK = "a long text"


def lookup(text, k, ngram, right=lookup):
    return right(text[-100:], k, ngram)
