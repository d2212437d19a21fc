"""A TPOT too many."""

HINT = "others follow"


def latency(ttft, seconds_per_token, new_tokens):
    return ttft + seconds_per_token * new_tokens
