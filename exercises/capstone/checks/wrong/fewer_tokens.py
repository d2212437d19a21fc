"""Stops at the first token that was said before."""

HINT = "stops early"


def generate(model, prompt, new_tokens, whole=generate):
    tokens = whole(model, prompt, new_tokens)
    for i in range(1, len(tokens)):
        if tokens[i] in tokens[:i]:
            return tokens[:i]
    return tokens[:-1] or tokens
