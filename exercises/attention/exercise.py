"""Attention one block of keys at a time, and the same over a KV cache that lies in pages.

Letters in shapes: H heads, T queries, S keys (T <= S), D size of a head, N keys in a block.

The state of a softmax that has not seen all its scores yet, for each head and query:

    largest  [H, T]     the largest score so far; -inf where none was seen
    total    [H, T]     the sum of exp(score - largest); 0 where none was seen
    mixed    [H, T, D]  the sum of exp(score - largest) * value; 0 where none was seen

all fp32. In the end, attention is mixed / total.
"""

import torch  # noqa: F401 (you will need it)
from torch import Tensor

State = tuple[Tensor, Tensor, Tensor]


def absorb(state: State, scores: Tensor, values: Tensor) -> State:
    """The state after one more block of keys.

    Args:
        state: largest, total, mixed as above; is not changed.
        scores: [H, T, N], fp32, scaled already; -inf where a query may not see a key. A query may
            see none of the block: then its state stays as it is, even if it has seen nothing yet.
        values: [H, N, D], fp32.

    Returns:
        largest, total, mixed: never nan.
    """
    raise NotImplementedError


def attention(q: Tensor, k: Tensor, v: Tensor, block: int, window: int | None = None) -> Tensor:
    """Causal attention, softmax(q @ k.T / sqrt(D)) @ v, over ``block`` keys at a time.

    The T queries are the last T of S tokens: query i stands at position S - T + i and sees key j if
    j <= its position; with a ``window``, only the last ``window`` of those (itself is one of them).

    Nothing of T * S elements is ever made, the mask included, and torch's own
    scaled_dot_product_attention is not called.

    Args:
        q: [H, T, D], fp32, fp16 or bf16; is not changed. The same for k, v: [H, S, D].
        block: keys in a block; the last block may have fewer.

    Returns:
        [H, T, D] of q's dtype, but worked out in fp32.
    """
    raise NotImplementedError


def place(table: Tensor, position: int, page: int) -> tuple[int, int]:
    """Where in the pages the token at ``position`` of a sequence lies.

    Args:
        table: [M], int64: the sequence's first ``page`` tokens lie in page table[0] of the pool,
            the next ones in page table[1], and so on.
        page: tokens in a page.

    Returns:
        number of the page in the pool, place in that page; two ints.
    """
    raise NotImplementedError


def paged_attention(
    q: Tensor, key_pages: Tensor, value_pages: Tensor, tables: Tensor, lengths: Tensor
) -> Tensor:
    """Attention of one new token of each of B sequences over what its pages hold.

    The new token's own key and value are in the pages already. Nothing as large as a sequence's
    keys is ever made: one page after another is read where it lies.

    Args:
        q: [B, H, D], fp32, fp16 or bf16; is not changed.
        key_pages, value_pages: [pages, P, H, D] of q's dtype: the pool, for all sequences together;
            are not changed. Places that no sequence fills hold what was there before, perhaps nan.
        tables: [B, M], int64, a row as in ``place``. Entries behind the last page that a sequence
            needs mean nothing, and need not be pages of the pool.
        lengths: [B], int64: tokens of each sequence. A sequence of 0 gets zeros.

    Returns:
        [B, H, D] of q's dtype, but worked out in fp32.
    """
    raise NotImplementedError


def merge(one: State, other: State) -> State:
    """The state of a softmax over two sets of keys, from the states of each.

    So that several processors can read parts of one long sequence at the same time. Either may have
    seen nothing. Neither is changed.
    """
    raise NotImplementedError
