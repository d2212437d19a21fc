"""One step of the draft."""

HINT = "for EACH guess"


def speculative_speed(weight_bytes, draft_bytes, guesses, accepted, bandwidth):
    return (1 + accepted) * bandwidth * 1e9 / (weight_bytes + draft_bytes)
