"""A text that is no longer than the n-gram gives nothing."""

HINT = "by fewer tokens"


def lookup(text, k, ngram, right=lookup):
    return right(text, k, ngram) if len(text) > ngram else []
