"""Does not wait before the start."""

HINT = "before the start"


def time_generation(device, new_tokens):
    start = device.now()
    tokens = device.generate(new_tokens)
    next(tokens)
    device.synchronize()
    first = device.now()
    for _ in tokens:
        pass
    device.synchronize()
    return first - start, device.now() - first
