"""Decode seconds divided by all tokens."""

HINT = "TTFT"


def tpot(decode_seconds, new_tokens):
    return decode_seconds / new_tokens
