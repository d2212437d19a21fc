"""New tokens are appended to the list that was given."""

HINT = "append to a copy"


def generate(model, prompt, new_tokens, right=generate):
    tokens = right(model, prompt, new_tokens)
    prompt += tokens
    return list(tokens)
