"""Which guesses are kept: the rule that leaves the output the verifier's own.

Leviathan et al. 2023, https://arxiv.org/abs/2211.17192, theorem 3.5 and appendix A.1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from workshop.llm.sampling import draw


def accept(
    p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor]:
    """Keep what can be kept of the proposal such that the output is distributed as p.

    1. Go through the proposed tokens x_1 .. x_k; keep x_i with probability min(1, p_i / q_i).
    2. At the first one refused, draw instead from what p has more of than q: max(0, p - q).
    3. If none was refused, draw one further token from p_{k+1}: it costs nothing.

    Args:
        p: the verifier's distributions [k + 1, vocab].
        q: the proposer's distributions [k, vocab].
        proposed: tokens [k] drawn from q.
        uniform: numbers [k] in [0, 1).
        noise: exponential noise [vocab].

    Returns:
        tokens [k + 1], of which the first n + 1 are the output, and n, a scalar.
    """
    p_proposed = p[:-1].gather(1, proposed[:, None])[:, 0]
    q_proposed = q.gather(1, proposed[:, None])[:, 0]
    kept = uniform * q_proposed < p_proposed
    n = kept.int().cumprod(0).sum()
    residual = (p - F.pad(q, (0, 0, 0, 1))).clamp(min=0)  # row k + 1 is p itself
    # Where p and q differ by rounding alone, a refusal (one in millions) can leave nothing to draw.
    residual = torch.where(residual.sum(-1, keepdim=True) > 0, residual, p)
    own = draw(residual.index_select(0, n[None]), noise)
    tokens = F.pad(proposed, (0, 1))
    return torch.where(torch.arange(tokens.shape[0], device=n.device) == n, own, tokens), n


def accept_greedy(logits: Tensor, proposed: Tensor) -> tuple[Tensor, Tensor]:
    """``accept`` at temperature 0: keep the tokens [k] that are the verifier's own choice."""
    own = logits.argmax(-1)
    n = (own[:-1] == proposed).int().cumprod(0).sum()
    return own, n
