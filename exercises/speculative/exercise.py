"""The step that makes speculative decoding exact: which of the proposed tokens are kept.

A draft has proposed k tokens x_1 .. x_k. The verifier has looked at all of them in ONE pass, and
gives k + 1 rows: row i tells what it would choose in the place of x_{i+1} (rows count from 0), and
the last row what comes after all k. V is the size of the vocabulary.

No function changes what it is given.
"""

from torch import Tensor


def accept_greedy(logits: Tensor, proposed: Tensor) -> Tensor:
    """Keep the proposed tokens that are the verifier's own choice, up to the first that is not.

    Its choice is the largest logit of a row; of equal ones the first, as ``argmax`` has it.

    Args:
        logits: of the verifier, [k + 1, V].
        proposed: token ids, [k], int64.

    Returns:
        The new tokens, [n + 1]: the n that are kept (0 to k), and one of the verifier's own, which
        follows them. These are the very tokens that plain greedy decoding would give.
    """
    raise NotImplementedError


def residual(p: Tensor, q: Tensor) -> Tensor:
    """The distribution to draw from in place of a refused token: what p has more of than q.

    Args:
        p: the verifier's probabilities, [V].
        q: the draft's, [V]; not the same as p, though it may be very near.

    Returns:
        max(0, p - q), made to sum to one: [V].
    """
    raise NotImplementedError


def accept(p: Tensor, q: Tensor, proposed: Tensor, uniform: Tensor, last_uniform: float) -> Tensor:
    """Keep what can be kept, such that the output is distributed as the verifier's.

    Token x_i, drawn from q_i, is kept with probability min(1, p_i(x_i) / q_i(x_i)): that is, if
    uniform[i] < p_i(x_i) / q_i(x_i). At the first one that is refused, a token is drawn from the
    residual of its row, and nothing after it is looked at. If none is refused, one more token is
    drawn from the last row of p.

    Args:
        p: the verifier's probabilities, [k + 1, V].
        q: the draft's probabilities, [k, V].
        proposed: token ids, [k], int64.
        uniform: random numbers in [0, 1), [k].
        last_uniform: a random number in [0, 1) for the token that is drawn, with ``pick``.

    Returns:
        The new tokens, [n + 1].
    """
    raise NotImplementedError


def pick(probabilities: Tensor, uniform: float) -> int:
    """The token at which the running sum of ``probabilities`` [V] first exceeds ``uniform``.

    With a uniform random number, each token is picked with its probability. (Given.)
    """
    below = int((probabilities.double().cumsum(0) <= uniform).sum())
    return min(below, int(probabilities.nonzero().max()))


def expected_tokens(acceptance: float, k: int) -> float:
    """How many tokens a pass of the verifier gives on average, its own included.

    Args:
        acceptance: probability that a proposed token is kept if those before it were; 0 to 1.
        k: tokens that are proposed.
    """
    raise NotImplementedError


def lookup(text: list[int], k: int, ngram: int) -> list[int]:
    """Prompt lookup: guess from the text itself, without any draft model. (A stretch.)

    Find the LATEST earlier place where the last ``ngram`` tokens of ``text`` stand, and return the
    tokens that follow it there: k of them, or fewer where the text ends. The place may overlap with
    the end. If it is nowhere else, or the text is too short for it, try one token fewer, down to
    one; if that fails too, return an empty list.
    """
    raise NotImplementedError
