# -inf is added to the scores; the softmax is written out; caches are reached by their number.
import torch


def make_cache(batch, heads, length, size, dtype):
    one = torch.zeros((batch, heads, length, size)).to(dtype)
    return one, one.clone()


def update(cache, k, v, position):
    where = position.view(1, 1, 1, 1).expand_as(k)
    cache[0].scatter_(2, where, k)
    cache[1].scatter_(2, where, v)


def mask(position, length):
    return torch.arange(length).lt(position.item() + 1).reshape(1, -1)


def decode(model, caches, token, position):
    x = model.embed(token, position)
    for i, layer in enumerate(model.layers):
        q, k, v = layer.project(x)
        update(caches[i], k, v, position)
        keys, values = caches[i]
        seen = (torch.arange(keys.size(2)) <= position)[None, None, None]
        scores = torch.matmul(q, keys.transpose(-1, -2)) / keys.size(-1) ** 0.5
        scores = scores + torch.where(seen, 0.0, float("-inf")).to(scores.dtype)
        weights = (scores - scores.amax(-1, keepdim=True)).exp()
        x = layer.finish(x, (weights / weights.sum(-1, keepdim=True)) @ values)
    return model.logits(x)
