# Lists and loops: no tensors come back; the series by multiplying on.
import torch


def accept_greedy(logits, proposed):
    tokens = []
    for i in range(len(proposed) + 1):
        best = max(range(logits.shape[1]), key=lambda token: float(logits[i, token]))
        tokens.append(best)
        if i == len(proposed) or int(proposed[i]) != best:
            return tokens


def residual(p, q):
    more = [max(0.0, float(a) - float(b)) for a, b in zip(p, q, strict=True)]
    return torch.tensor([one / sum(more) for one in more], dtype=torch.float64)


def accept(p, q, proposed, uniform, last_uniform):
    tokens = []
    for i, x in enumerate(proposed):
        if not float(uniform[i]) < float(p[i, x]) / float(q[i, x]):
            return [*tokens, pick(residual(p[i], q[i]), last_uniform)]
        tokens.append(int(x))
    return [*tokens, pick(p[-1], last_uniform)]


def expected_tokens(acceptance, k):
    total, power = 1.0, 1.0
    for _ in range(k):
        power *= acceptance
        total += power
    return total
