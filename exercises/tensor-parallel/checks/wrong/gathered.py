"""Everything is gathered on every rank, and added up there."""

HINT = "moves more"


def row_linear(x, weight, bias):
    y = x @ weight.T
    every = [torch.empty_like(y) for _ in range(dist.get_world_size())]
    dist.all_gather(every, y)
    y = torch.stack(every).sum(0)
    return y if bias is None else y + bias
