"""All tokens are made before the first is looked at."""

HINT = "take ONE with next"


def time_generation(device, new_tokens):
    device.synchronize()
    start = device.now()
    tokens = iter(list(device.generate(new_tokens)))
    next(tokens)
    device.synchronize()
    first = device.now()
    for _ in tokens:
        pass
    device.synchronize()
    return first - start, device.now() - first
