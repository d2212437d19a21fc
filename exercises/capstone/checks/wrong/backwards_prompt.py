"""The prompt is read from its end."""

HINT = "read from its end"


def generate(model, prompt, new_tokens, right=generate):
    return right(model, prompt[::-1], new_tokens)
