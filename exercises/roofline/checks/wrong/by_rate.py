"""By way of the acceptance rate, which no guess has."""

HINT = "ZeroDivisionError"


def speculative_speed(weight_bytes, draft_bytes, guesses, accepted, bandwidth):
    rate = accepted / guesses
    return (1 + rate * guesses) * bandwidth * 1e9 / (weight_bytes + guesses * draft_bytes)
