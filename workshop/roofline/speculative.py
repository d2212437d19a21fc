"""Speculative decoding: a draft guesses, the model verifies all guesses in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from workshop.roofline.errors import RooflineError
from workshop.roofline.shape import Shape

MOST_GUESSES = 1000  # at a time; what is more is a slip of the pen


@dataclass(frozen=True)
class Speculation:
    """Who guesses, how much at a time, and how well.

    Attributes:
        draft: the model that guesses; None where guesses are looked up in the text.
        guesses: k, tokens that are guessed at a time.
        acceptance: chance that a guess is accepted, those before it being accepted.
    """

    draft: Shape | None
    guesses: int = 3
    acceptance: float = 0.7

    def __post_init__(self) -> None:
        check_guesses(self.guesses)
        if not 0 <= self.acceptance <= 1:
            raise RooflineError(f"an acceptance rate is from 0 to 1, not {self.acceptance:g}")


def check_guesses(guesses: int) -> None:
    """Raises RooflineError for a number of guesses that nobody makes."""
    if not 1 <= guesses <= MOST_GUESSES:
        raise RooflineError(f"one to {MOST_GUESSES} tokens are guessed at a time, not {guesses}")


def expected_tokens(acceptance: float, guesses: int) -> float:
    """Tokens that a pass of the verifier gives: (1 - a^(k+1)) / (1 - a).

    The guesses up to the first that is refused, and one of the verifier's own (Leviathan, Kalman
    and Matias 2023, https://arxiv.org/abs/2211.17192, equation 1).
    """
    return sum(acceptance**i for i in range(guesses + 1))


def tokens_per_round(speculation: Speculation) -> float:
    return expected_tokens(speculation.acceptance, speculation.guesses)


def speedup(acceptance: float, guesses: int, draft_cost: float, verify_cost: float = 1.0) -> float:
    """How many times as fast as plain decode.

    Tokens of a round over its cost in plain steps: k steps of the draft at ``draft_cost`` each, and
    a verification of k + 1 tokens, which costs about one step while weights are what is waited for
    (Leviathan et al. 2023, theorem 3.8, where it costs one exactly).
    """
    return expected_tokens(acceptance, guesses) / (guesses * draft_cost + verify_cost)


def acceptance_of(accepted: float, guesses: int) -> float:
    """The chance ``a`` at which ``accepted`` of k guesses are kept on average: a + ... + a^k.

    The share of all guesses that were kept is smaller: a guess after a refused one is lost, too.

    Raises:
        RooflineError: a number of guesses that nobody makes.
    """
    check_guesses(guesses)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if expected_tokens(middle, guesses) - 1 < accepted:
            low = middle
        else:
            high = middle
    return (low + high) / 2
