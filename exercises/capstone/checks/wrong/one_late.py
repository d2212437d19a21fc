"""The first new token twice."""

HINT = "one place late"


def generate(model, prompt, new_tokens, right=generate):
    tokens = right(model, prompt, new_tokens)
    return tokens[:1] + tokens[:-1]
