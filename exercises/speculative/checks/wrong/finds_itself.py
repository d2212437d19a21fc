"""Finds the end of the text itself."""

HINT = "end of the text itself"


def lookup(text, k, ngram):
    for n in range(min(ngram, len(text)), 0, -1):
        for start in range(len(text) - n, -1, -1):
            if text[start : start + n] == text[len(text) - n :]:
                return text[start + n : start + n + k]
    return []
