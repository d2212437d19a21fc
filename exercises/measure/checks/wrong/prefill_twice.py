"""Decode counted from the start."""

HINT = "counted twice"


def time_generation(device, new_tokens):
    device.synchronize()
    start = device.now()
    tokens = device.generate(new_tokens)
    next(tokens)
    device.synchronize()
    first = device.now()
    for _ in tokens:
        pass
    device.synchronize()
    return first - start, device.now() - start
