"""The place must not overlap with the end."""

HINT = "may overlap"


def lookup(text, k, ngram):
    for n in range(min(ngram, len(text) - 1), 0, -1):
        for start in range(len(text) - 2 * n, -1, -1):
            if text[start : start + n] == text[-n:]:
                return text[start + n : start + n + k]
    return []
