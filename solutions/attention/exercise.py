"""Attention in blocks and over pages, solved."""

import torch
from torch import Tensor

State = tuple[Tensor, Tensor, Tensor]


def absorb(state: State, scores: Tensor, values: Tensor) -> State:
    old, total, mixed = state
    largest = torch.maximum(old, scores.amax(dim=-1))
    # Where nothing was seen yet, -inf - -inf would be nan. There, any finite number will do.
    reference = torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    kept = torch.exp(old - reference)  # what the old sums are worth now; 0 where there were none
    weights = torch.exp(scores - reference[:, :, None])  # [H, T, N]
    total = total * kept + weights.sum(dim=-1)
    mixed = mixed * kept[:, :, None] + weights @ values
    return largest, total, mixed


def nothing_seen(heads: int, queries: int, size: int, device: torch.device) -> State:
    return (
        torch.full((heads, queries), float("-inf"), device=device),
        torch.zeros(heads, queries, device=device),
        torch.zeros(heads, queries, size, device=device),
    )


def finish(state: State, dtype: torch.dtype) -> Tensor:
    _, total, mixed = state
    return (mixed / total.clamp(min=1e-30)[:, :, None]).to(dtype)  # nothing seen: 0 / 1e-30


def attention(q: Tensor, k: Tensor, v: Tensor, block: int, window: int | None = None) -> Tensor:
    heads, queries, size = q.shape
    keys = k.shape[1]
    scaled = q.float() * size**-0.5
    at = torch.arange(keys - queries, keys, device=q.device)[:, None]  # of each query, [T, 1]
    state = nothing_seen(heads, queries, size, q.device)
    for start in range(0, keys, block):
        part = slice(start, min(start + block, keys))
        other = torch.arange(part.start, part.stop, device=q.device)  # of each key, [N]
        seen = other <= at
        if window is not None:
            seen &= other > at - window
        scores = scaled @ k[:, part].float().transpose(1, 2)
        state = absorb(state, scores.masked_fill(~seen, float("-inf")), v[:, part].float())
    return finish(state, q.dtype)


def place(table: Tensor, position: int, page: int) -> tuple[int, int]:
    return int(table[position // page]), position % page


def paged_attention(
    q: Tensor, key_pages: Tensor, value_pages: Tensor, tables: Tensor, lengths: Tensor
) -> Tensor:
    batch, heads, size = q.shape
    page = key_pages.shape[1]
    out = torch.zeros_like(q)
    for row in range(batch):
        scaled = q[row].float()[:, None] * size**-0.5  # [H, 1, D]
        state = nothing_seen(heads, 1, size, q.device)
        length = int(lengths[row])
        for start in range(0, length, page):
            number, _ = place(tables[row], start, page)
            filled = min(page, length - start)
            keys = key_pages[number, :filled].float().transpose(0, 1)  # [H, N, D]
            values = value_pages[number, :filled].float().transpose(0, 1)
            state = absorb(state, scaled @ keys.transpose(1, 2), values)
        out[row] = finish(state, q.dtype)[:, 0]
    return out


def merge(one: State, other: State) -> State:
    largest = torch.maximum(one[0], other[0])
    reference = torch.where(largest.isinf(), torch.zeros_like(largest), largest)
    total, mixed = torch.zeros_like(one[1]), torch.zeros_like(one[2])
    for old, part, sums in (one, other):
        kept = torch.exp(old - reference)
        total = total + part * kept
        mixed = mixed + sums * kept[:, :, None]
    return largest, total, mixed
