"""The warm-up counted."""

HINT = "not counted"


def measure(device, new_tokens, warm_up, samples):
    return [time_generation(device, new_tokens) for _ in range(warm_up + samples)]
