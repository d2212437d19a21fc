"""torch.chunk: not the share that the other weights have."""

HINT = "share("


def row_part(weight, rank, ranks):
    size = weight.shape[1] // ranks
    return weight[:, weight.shape[1] - size * (rank + 1) :][:, :size].clone()
