"""No synchronisation at all."""

HINT = "nobody waits"


def time_generation(device, new_tokens):
    start = device.now()
    tokens = device.generate(new_tokens)
    next(tokens)
    first = device.now()
    for _ in tokens:
        pass
    return first - start, device.now() - first
