"""A single token is tried first."""

HINT = "longest n-gram first"


def lookup(text, k, ngram):
    for n in range(1, min(ngram, len(text) - 1) + 1):
        for start in range(len(text) - n - 1, -1, -1):
            if text[start : start + n] == text[-n:]:
                return text[start + n : start + n + k]
    return []
