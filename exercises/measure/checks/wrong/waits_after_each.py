"""Waits after each token."""

HINT = "wait once, at the end"


def time_generation(device, new_tokens):
    device.synchronize()
    start = device.now()
    tokens = device.generate(new_tokens)
    next(tokens)
    device.synchronize()
    first = device.now()
    for _ in tokens:
        device.synchronize()
    return first - start, device.now() - first
