"""No shorter n-gram is tried."""

HINT = "one token fewer"


def lookup(text, k, ngram):
    n = min(ngram, len(text) - 1)
    if n < 1:
        return []
    for start in range(len(text) - n - 1, -1, -1):
        if text[start : start + n] == text[-n:]:
            return text[start + n : start + n + k]
    return []
