"""All tokens divided by decode."""

HINT = "new_tokens - 1"


def tokens_per_second(decode_seconds, new_tokens):
    return new_tokens / decode_seconds
