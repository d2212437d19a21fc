# No loops: argmin, gather, int32 ids, a lookup by unfold; the closed form, with 1 apart.
import torch


def accept_greedy(logits, proposed):
    own = logits.max(dim=1).indices
    agree = own[:-1].eq(proposed)
    kept = agree.nonzero().numel() if agree.all() else int(agree.int().argmin())
    return own[: kept + 1].to(torch.int32)


def residual(p, q):
    more = torch.relu(p.double() - q.double())
    return more / more.sum()


def accept(p, q, proposed, uniform, last_uniform):
    at = proposed[:, None]
    keep = uniform < (p[:-1].gather(1, at) / q.gather(1, at))[:, 0]
    n = int(keep.long().cumprod(0).sum())
    weights = p[-1] if n == len(proposed) else residual(p[n], q[n])
    return torch.cat([proposed[:n], torch.tensor([pick(weights, last_uniform)])])


def expected_tokens(acceptance, k):
    return k + 1 if acceptance == 1 else (1 - acceptance ** (k + 1)) / (1 - acceptance)


def lookup(text, k, ngram):
    tokens = torch.tensor(text, dtype=torch.long)
    for n in range(min(ngram, len(text) - 1), 0, -1):
        hits = (tokens[:-1].unfold(0, n, 1) == tokens[-n:]).all(1).nonzero().flatten()
        if len(hits):
            start = int(hits[-1]) + n
            return tokens[start : start + k]
    return []
