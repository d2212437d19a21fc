"""Each state is rescaled as the other one should be."""

import torch

HINT = "here they are exchanged"


def merge(one, other):
    largest = torch.maximum(one[0], other[0])
    reference = torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    first, second = torch.exp(other[0] - reference), torch.exp(one[0] - reference)
    return (
        largest,
        one[1] * first + other[1] * second,
        one[2] * first[:, :, None] + other[2] * second[:, :, None],
    )
