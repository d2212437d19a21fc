"""A prompt read token by token."""

HINT = "pass at once"


def prefill_intensity(batch, prompt_tokens, bytes_per_parameter):
    return 2 * batch / bytes_per_parameter
