# torch in fp64: tensors of one element come back; functions that call each other.
import torch


def mean_and_spread(values):
    found = torch.tensor(values, dtype=torch.float64)
    return found.mean(), found.std()


def latency(ttft, seconds_per_token, new_tokens):
    total = ttft
    for _ in range(1, new_tokens):
        total += seconds_per_token
    return total


def tokens_per_second(decode_seconds, new_tokens):
    return 1 / tpot(decode_seconds, new_tokens)
