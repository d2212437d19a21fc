"""The first of the samples serve as the warm-up."""

HINT = "on top of the samples"


def measure(device, new_tokens, warm_up, samples):
    return [time_generation(device, new_tokens) for _ in range(samples)][warm_up:]
