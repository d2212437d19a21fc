"""A warm-up of two tokens."""

HINT = "another length"


def measure(device, new_tokens, warm_up, samples):
    for _ in range(warm_up):
        time_generation(device, 2)
    return [time_generation(device, new_tokens) for _ in range(samples)]
