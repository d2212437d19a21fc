"""Nobody guesses more than ten tokens."""

CHECK = "a pass of many guesses"


def speculative_speed(weight_bytes, draft_bytes, guesses, accepted, bandwidth):
    read = weight_bytes + min(guesses, 10) * draft_bytes
    return (1 + accepted) * bandwidth * 1e9 / read
