"""Room for 40 tokens in all."""

HINT = "room for a text of any length"


def generate(model, prompt, new_tokens, right=generate):
    return right(model, prompt, min(new_tokens, max(1, 40 - len(prompt))))
