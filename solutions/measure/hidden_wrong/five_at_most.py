"""More than five warm-ups are taken for a slip."""

CHECK = "as many warm ups as asked for"


def measure(device, new_tokens, warm_up, samples):
    for _ in range(min(warm_up, 5)):
        time_generation(device, new_tokens)
    return [time_generation(device, new_tokens) for _ in range(samples)]
