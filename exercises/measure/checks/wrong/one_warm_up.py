"""Always one warm-up."""

HINT = "not always one"


def measure(device, new_tokens, warm_up, samples):
    time_generation(device, new_tokens)
    return [time_generation(device, new_tokens) for _ in range(samples)]
