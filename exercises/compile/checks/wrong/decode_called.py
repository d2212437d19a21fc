"""Calls decode, and not the step that may be compiled."""

HINT = "generate never calls step"


def generate(step, model, caches, prompt, count, right=generate):
    return right(decode, model, caches, prompt, count)
