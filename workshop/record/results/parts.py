"""What a record is made of: its samples, what its numbers count, where and with what it ran."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Continuation:
    """What a further sequence of a batch said."""

    tokens: list[int]
    text: str


@dataclass(frozen=True)
class Sample:
    """One counted generation, of one sequence or of several side by side.

    Attributes:
        ttft_seconds: time to first token: prefill of the prompt and the first token's choice.
        decode_seconds: time of all later tokens, of the sequence that took longest.
        tokens: ids of the new tokens of the first sequence.
        text: the same as text.
        beside: the other sequences of a batch.
        verify_passes: passes of the verifier in decode; None where nothing was speculated.
        accepted: guesses that were accepted in those passes.
        proposed_by_position: how many of those passes made a first guess, a second, ...
        accepted_by_position: how many accepted it; that takes all guesses before it, too.
    """

    ttft_seconds: float
    decode_seconds: float
    tokens: list[int]
    text: str
    verify_passes: int | None = None
    accepted: int | None = None
    proposed_by_position: list[int] | None = None
    accepted_by_position: list[int] | None = None
    beside: list[Continuation] = field(default_factory=list)

    @property
    def proposed(self) -> int | None:
        """Guesses that were made; None where it is not known."""
        return None if self.proposed_by_position is None else sum(self.proposed_by_position)

    @property
    def seconds(self) -> float:
        return self.ttft_seconds + self.decode_seconds

    @property
    def tokens_per_second(self) -> float | None:
        """Decode speed of a sequence: tokens after the first, over the time that they took.

        The mean over the sequences of a batch, which may not all be of one length.
        """
        total = self.total_tokens_per_second
        return None if total is None else total / (1 + len(self.beside))

    @property
    def total_tokens_per_second(self) -> float | None:
        """Decode speed of all sequences together."""
        later = sum(self.lengths) - len(self.lengths)
        return later / self.decode_seconds if later > 0 and self.decode_seconds > 0 else None

    @property
    def lengths(self) -> list[int]:
        """How many new tokens each sequence has."""
        return [len(self.tokens), *(len(other.tokens) for other in self.beside)]

    @property
    def tpot_seconds(self) -> float | None:
        """Time per output token after the first."""
        speed = self.tokens_per_second
        return 1 / speed if speed else None


@dataclass(frozen=True)
class Definition:
    """What a source's tokens/s count. Numbers that count differently are not to be compared.

    Attributes:
        tokens: new tokens alone, those of the prompt alone, or both.
        seconds: which time they are divided by; wall clock is that of a whole benchmark, with
            requests side by side.
        per: one sequence; all sequences of a batch; one rank's share; all that a server answers.
    """

    tokens: Literal["new", "prompt", "prompt and new"]
    seconds: Literal["decode", "prefill", "prefill and decode", "wall clock"]
    per: Literal["sequence", "batch", "rank", "server"]

    def __str__(self) -> str:
        return f"{self.tokens} tokens over {self.seconds}, per {self.per}"


DECODE_OF_ONE = Definition("new", "decode", "sequence")


@dataclass(frozen=True)
class Reference:
    """A measurement beside the main one, made in the same process, that puts it in proportion."""

    label: str
    tokens_per_second: float
    tokens_per_second_std: float | None
    samples: list[float]


@dataclass(frozen=True)
class TokenCheck:
    """The first sample of a run with a participant's functions, beside the engine's own tokens.

    Attributes:
        tokens: how many the engine says.
        first_difference: index of the first token that differs, from 0; None where none does.
        yours, own: the text of either from there on, a few tokens of it.
        gap: how much likelier the engine's token is there, in nats, to the engine; None where one
            of the texts has ended.
        rounding: whether rounding alone can explain so small a gap.
    """

    tokens: int
    first_difference: int | None = None
    yours: str | None = None
    own: str | None = None
    gap: float | None = None
    rounding: bool = False

    @property
    def sentence(self) -> str:
        """What it shows, in one sentence."""
        if self.first_difference is None:
            return f"right: all {self.tokens} tokens are the engine's own"
        texts = f"(yours: {self.yours!r}, the engine's: {self.own!r})"
        if self.rounding:
            return (
                f"right up to rounding: {self.first_difference} of {self.tokens} tokens are the "
                f"engine's own, then two are about equally likely {texts}"
            )
        return (
            f"wrong: token {self.first_difference + 1} of {self.tokens} is not the engine's own "
            f"{texts}; 'workshop check' tells why"
        )


@dataclass(frozen=True)
class Quality:
    """How near a quantised model is to the one it was made from, on the same text.

    Attributes:
        tokens: how many were predicted.
        perplexity: e to the mean loss of a token, in nats.
        reference_perplexity: the unquantised model's.
        loss_increase: by how much the mean loss is larger, nats per token.
        loss_increase_error: its standard error over blocks of text; None for a single block.
        agreement: share of positions at which both find the same token likeliest.
        divergence: mean Kullback-Leibler divergence from the unquantised model, nats per token.
    """

    tokens: int
    perplexity: float
    reference_perplexity: float
    loss_increase: float
    loss_increase_error: float | None
    agreement: float
    divergence: float


@dataclass(frozen=True)
class Versions:
    """The software of a run; None for what is not there."""

    workshop: str
    python: str
    torch: str | None = None
    cuda: str | None = None
    rocm: str | None = None
    git_commit: str | None = None
    triton: str | None = None


@dataclass(frozen=True)
class SlurmJob:
    """Which Slurm job a run was."""

    job_id: str
    job_name: str | None = None
    partition: str | None = None
    nodes: str | None = None
