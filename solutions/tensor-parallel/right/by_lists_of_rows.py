# index_select, sets of heads, einsum, and an all-reduce that is waited for.
import torch
import torch.distributed as dist


def column_part(weight, rank, ranks):
    return weight.index_select(0, torch.arange(*share(weight.shape[0], rank, ranks)))


def row_part(weight, rank, ranks):
    return weight[:, list(range(*share(weight.shape[1], rank, ranks)))]


def kv_share(heads, kv_heads, rank, ranks):
    looked = {h * kv_heads // heads for h in range(*share(heads, rank, ranks))}
    return min(looked), max(looked) + 1


def column_linear(x, weight):
    return torch.einsum("ti,oi->to", x, weight)


def row_linear(x, weight, bias):
    y = torch.einsum("ti,oi->to", x, weight).contiguous()
    dist.all_reduce(y, async_op=True).wait()
    return y if bias is None else y.add_(bias)
