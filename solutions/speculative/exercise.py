"""Speculative decoding's accept step, solved."""

import torch
from torch import Tensor


def accept_greedy(logits: Tensor, proposed: Tensor) -> Tensor:
    own = logits.argmax(-1)
    kept = int((own[:-1] == proposed).int().cumprod(0).sum())  # up to the first that differs
    return own[: kept + 1]


def residual(p: Tensor, q: Tensor) -> Tensor:
    more = (p - q).clamp(min=0)
    return more / more.sum()


def accept(p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, last_uniform: float) -> Tensor:
    tokens = []
    for i, x in enumerate(proposed.tolist()):
        if uniform[i] * q[i, x] >= p[i, x]:
            tokens.append(pick(residual(p[i], q[i]), last_uniform))
            return torch.tensor(tokens)
        tokens.append(x)
    tokens.append(pick(p[-1], last_uniform))
    return torch.tensor(tokens)


def pick(probabilities: Tensor, uniform: float) -> int:
    below = int((probabilities.double().cumsum(0) <= uniform).sum())
    return min(below, int(probabilities.nonzero().max()))


def expected_tokens(acceptance: float, k: int) -> float:
    return sum(acceptance**i for i in range(k + 1))  # the closed form divides by 0 at 1


def lookup(text: list[int], k: int, ngram: int) -> list[int]:
    for n in range(min(ngram, len(text) - 1), 0, -1):
        tail = text[-n:]
        for start in range(len(text) - n - 1, -1, -1):
            if text[start : start + n] == tail:
                return text[start + n : start + n + k]
    return []
