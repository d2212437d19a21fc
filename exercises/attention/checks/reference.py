"""What is right, slowly, in fp64: attention with all scores at once."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

State = tuple[Tensor, Tensor, Tensor]
NAMES = ("largest", "total", "mixed")
MINUS = float("-inf")


def state_of(scores: Tensor, values: Tensor) -> State:
    """The state after all these scores [H, T, N] and values [H, N, D]."""
    scores, values = scores.double(), values.double()
    heads, queries, _ = scores.shape
    largest = torch.full((heads, queries), MINUS, dtype=torch.float64)
    total = torch.zeros(heads, queries, dtype=torch.float64)
    mixed = torch.zeros(heads, queries, values.shape[2], dtype=torch.float64)
    for h in range(heads):
        for t in range(queries):
            seen = scores[h, t] > MINUS
            if seen.any():
                largest[h, t] = scores[h, t].max()
                weights = torch.exp(scores[h, t, seen] - largest[h, t])
                total[h, t] = weights.sum()
                mixed[h, t] = (weights[:, None] * values[h, seen]).sum(0)
    return largest, total, mixed


def in_fp32(state: State) -> list[Tensor]:
    return [one.float() for one in state]


def attended(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    sees: Callable[[int, int], bool],
    power: float = -0.5,
) -> Tensor:
    """Attention [H, T, D] where a query at ``place`` sees key j if ``sees(place, j)``."""
    keys, queries = k.shape[1], q.shape[1]
    out = torch.zeros(q.shape, dtype=torch.float64)
    scores = q.double() @ k.double().transpose(1, 2) * q.shape[2] ** power
    for t in range(queries):
        seen = [j for j in range(keys) if sees(keys - queries + t, j)]
        if seen:
            weights = torch.softmax(scores[:, t, seen], dim=-1)
            out[:, t] = (weights[:, :, None] * v.double()[:, seen]).sum(1)
    return out


def blocks_apart(
    q: Tensor, k: Tensor, v: Tensor, sees: Callable[[int, int], bool], block: int
) -> Iterator[Tensor]:
    """Attention over each block by itself: what comes of a softmax that ends with its block."""
    for start in range(0, k.shape[1], block):
        stop = start + block
        yield attended(q, k, v, lambda p, j, a=start, b=stop: sees(p, j) and a <= j < b)  # type: ignore[misc]


def never_rescaled(
    q: Tensor, k: Tensor, v: Tensor, sees: Callable[[int, int], bool], block: int, total_too: bool
) -> Tensor:
    """Attention where the sums keep the largest score that they were made with."""
    keys, queries = k.shape[1], q.shape[1]
    out = torch.zeros(q.shape, dtype=torch.float64)
    scores = q.double() @ k.double().transpose(1, 2) * q.shape[2] ** -0.5
    for h in range(q.shape[0]):
        for t in range(queries):
            largest, total, mixed = MINUS, torch.tensor(0.0).double(), torch.zeros(v.shape[2])
            for start in range(0, keys, block):
                seen = [
                    j for j in range(start, min(start + block, keys)) if sees(keys - queries + t, j)
                ]
                if not seen:
                    continue
                new = max(largest, float(scores[h, t, seen].max()))
                weights = torch.exp(scores[h, t, seen] - new)
                kept = (
                    1.0 if total_too or largest == MINUS else torch.exp(torch.tensor(largest - new))
                )
                total = total * kept + weights.sum()
                mixed = mixed + weights @ v[h, seen].double()
                largest = new
            if total > 0:
                out[h, t] = mixed / total
    return out
