"""Warms up even where nobody asked for it."""

CHECK = "as many warm ups as asked for"


def measure(device, new_tokens, warm_up, samples):
    for _ in range(max(1, warm_up)):
        time_generation(device, new_tokens)
    return [time_generation(device, new_tokens) for _ in range(samples)]
