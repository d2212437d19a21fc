"""Goes on with its own guesses where the text ends."""

HINT = "nothing is added"


def lookup(text, k, ngram):
    for n in range(min(ngram, len(text) - 1), 0, -1):
        for start in range(len(text) - n - 1, -1, -1):
            if text[start : start + n] == text[-n:]:
                tokens = list(text)
                for place in range(start + n, start + n + k):
                    tokens.append(tokens[place])
                return tokens[len(text) :]
    return []
