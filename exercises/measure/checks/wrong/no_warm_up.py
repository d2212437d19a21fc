"""No warm-up."""

HINT = "no warm-up"


def measure(device, new_tokens, warm_up, samples):
    return [time_generation(device, new_tokens) for _ in range(samples)]
