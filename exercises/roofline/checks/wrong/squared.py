"""Tokens of a prompt look at each other."""

HINT = "no square"


def prefill_intensity(batch, prompt_tokens, bytes_per_parameter):
    return 2 * batch * prompt_tokens**2 / bytes_per_parameter
