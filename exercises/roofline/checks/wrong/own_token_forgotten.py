"""Kept guesses alone."""

HINT = "of the model's own"


def speculative_speed(weight_bytes, draft_bytes, guesses, accepted, bandwidth):
    return accepted * bandwidth * 1e9 / (weight_bytes + guesses * draft_bytes)
