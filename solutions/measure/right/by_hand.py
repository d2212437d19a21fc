# A stopwatch of its own in measure, a generator of samples, and sums by hand.
import math


def stopwatch(device):
    device.synchronize()
    return device.now()


def time_generation(device, new_tokens):
    start = stopwatch(device)
    tokens = iter(device.generate(new_tokens))
    next(tokens)
    first = stopwatch(device)
    list(tokens)
    end = stopwatch(device)
    return [first - start, end - first]


own = time_generation


def measure(device, new_tokens, warm_up, samples):
    every = [own(device, new_tokens) for _ in range(warm_up + samples)]
    return (sample for sample in every[warm_up:])


def mean_and_spread(values):
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((one - mean) ** 2 for one in values) / (len(values) - 1))
