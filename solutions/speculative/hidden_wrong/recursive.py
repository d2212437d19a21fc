"""Calls itself for each place that it looks at."""

CHECK = "a long text"


def lookup(text, k, ngram):
    def at(start, n):
        if n == 0:
            return []
        if start < 0:
            return at(len(text) - n, n - 1)
        if text[start : start + n] == text[len(text) - n :]:
            return text[start + n : start + n + k]
        return at(start - 1, n)

    n = min(ngram, len(text) - 1)
    return at(len(text) - n - 1, n) if n > 0 else []
