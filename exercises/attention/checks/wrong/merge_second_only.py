"""Only the second is rescaled."""

import torch

HINT = "the first is not rescaled"


def merge(one, other):
    largest = torch.maximum(one[0], other[0])
    reference = torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    kept = torch.exp(other[0] - reference)
    return largest, one[1] + other[1] * kept, one[2] + other[2] * kept[:, :, None]
