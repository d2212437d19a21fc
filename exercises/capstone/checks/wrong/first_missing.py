"""The token that comes with prefill is lost."""

HINT = "first new token is missing"


def generate(model, prompt, new_tokens, right=generate):
    return right(model, prompt, new_tokens + 1)[1:]
