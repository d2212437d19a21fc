"""The computer's clock in place of the device's."""

import time

HINT = "clock is never read"


def time_generation(device, new_tokens):
    device.synchronize()
    start = time.perf_counter()
    tokens = device.generate(new_tokens)
    next(tokens)
    device.synchronize()
    first = time.perf_counter()
    for _ in tokens:
        pass
    device.synchronize()
    return first - start, time.perf_counter() - first
