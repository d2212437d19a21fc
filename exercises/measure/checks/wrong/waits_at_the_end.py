"""Waits at the end only."""

HINT = "when the first token comes"


def time_generation(device, new_tokens):
    device.synchronize()
    start = device.now()
    tokens = device.generate(new_tokens)
    next(tokens)
    first = device.now()
    for _ in tokens:
        pass
    device.synchronize()
    return first - start, device.now() - first
