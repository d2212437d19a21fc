"""The end is taken off the text that was given."""

HINT = "changes its first argument"


def lookup(text, k, ngram):
    for n in range(min(ngram, len(text) - 1), 0, -1):
        end = [text.pop() for _ in range(n)][::-1]
        for start in range(len(text) - 1, -1, -1):
            if (text + end)[start : start + n] == end:
                return (text + end)[start + n : start + n + k]
        text.extend(end)
    return []
