"""The first place in place of the latest."""

HINT = "LATEST"


def lookup(text, k, ngram):
    for n in range(min(ngram, len(text) - 1), 0, -1):
        for start in range(len(text) - n):
            if text[start : start + n] == text[-n:]:
                return text[start + n : start + n + k]
    return []
