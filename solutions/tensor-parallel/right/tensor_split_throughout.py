# torch.tensor_split everywhere, also for share; q, k and v are one product in layer.
import torch
import torch.nn.functional as F


def share(size, rank, ranks):
    mine = torch.arange(size).tensor_split(ranks)[rank]
    return int(mine[0]), int(mine[-1]) + 1


def column_part(weight, rank, ranks):
    return weight.tensor_split(ranks)[rank].detach().clone(memory_format=torch.contiguous_format)


def row_part(weight, rank, ranks):
    return torch.tensor_split(weight, ranks, dim=1)[rank].contiguous().clone()


def layer(x, part, size):
    h = unit(x)
    qkv = column_linear(h, torch.cat([part["q"], part["k"], part["v"]]))
    q, k, v = qkv.split([len(part["q"]), len(part["k"]), len(part["v"])], dim=1)
    attended = row_linear(attend(q, k, v, size), part["o"], None)
    x = attended.add_(x)
    h = unit(x)
    return row_linear(F.silu(h @ part["gate"].T) * (h @ part["up"].T), part["down"], None) + x
