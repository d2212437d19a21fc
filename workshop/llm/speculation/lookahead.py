"""How many tokens to guess in a pass, and how often each guess was right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lookahead:
    """The number k of guesses in a pass: always ``most``, or as many as seem worth it.

    Adaptive k goes up by two after a pass that kept every guess, and down by one after any other,
    between 1 and ``most``: the rule of Hugging Face's assisted generation
    (https://huggingface.co/blog/assisted-generation). It guesses far where the text is easy and
    wastes little where it is not. It looks only at what is over, so drawn output keeps its
    distribution; and it starts anew with each generation, so a seed keeps its meaning.
    """

    most: int
    adaptive: bool = False

    @property
    def sizes(self) -> Sequence[int]:
        """Every k that can come up: in compiled mode, each is a graph of its own."""
        return range(1, self.most + 1) if self.adaptive else [self.most]

    def after(self, k: int, kept: int) -> int:
        """The next k, when ``kept`` of k guesses were."""
        if not self.adaptive:
            return k
        return min(k + 2, self.most) if kept == k else max(k - 1, 1)

    def guessed(self, kept: Iterable[int]) -> list[int]:
        """The k of each pass of a generation, from how many guesses each of them kept."""
        guessed, k = [], self.most
        for n in kept:
            guessed.append(k)
            k = self.after(k, n)
        return guessed


def by_position(counts: Sequence[int]) -> list[int]:
    """How many passes had a first guess, a second, ...; ``counts`` says how many each had."""
    return [sum(count > i for count in counts) for i in range(max(counts, default=0))]
