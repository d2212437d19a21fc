"""Samples sorted by time."""

HINT = "do not sort"


def measure(device, new_tokens, warm_up, samples):
    for _ in range(warm_up):
        time_generation(device, new_tokens)
    return sorted(time_generation(device, new_tokens) for _ in range(samples))
