"""Warms up even where nobody asked for it."""

HINT = "every generation is counted"


def measure(device, new_tokens, warm_up, samples):
    for _ in range(max(1, warm_up)):
        time_generation(device, new_tokens)
    return [time_generation(device, new_tokens) for _ in range(samples)]
