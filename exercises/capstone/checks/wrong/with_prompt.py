"""The prompt is returned as well."""

HINT = "without the prompt"


def generate(model, prompt, new_tokens, new=generate):
    return prompt + new(model, prompt, new_tokens)
