"""A TTFT for every token."""

HINT = "one TTFT"


def latency(ttft, seconds_per_token, new_tokens):
    return (ttft + seconds_per_token) * (new_tokens - 1)
