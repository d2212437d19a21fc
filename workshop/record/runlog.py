"""The log of a run: lines for a human, and the record for everything that reads logs later.

The human lines that gpt-fast prints too are spelt as it spells them, so that tools made for its
logs can read ours. Whatever a model said is set off by a bar: no text can pass for a line of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from workshop.record.results import PREFIX, SAMPLE_PREFIX, SETTINGS_PREFIX, Result, Sample, to_json


def unchanged(result: Result) -> Result:
    return result


@dataclass(frozen=True)
class RunLog:
    """Where a run's lines go; rank 0 speaks for all.

    Attributes:
        out: None keeps silent.
        complete: what adds to the record before it is written.
    """

    out: TextIO | None
    rank: int = 0
    complete: Callable[[Result], Result] = unchanged

    def say(self, line: str) -> None:
        """Write a line, at once: a killed run must not take its last words with it."""
        if self.out is None:
            return
        print(line if self.rank == 0 else f"[rank {self.rank}] {line}", file=self.out, flush=True)

    def tell(self, line: str) -> None:
        """``say``, on rank 0 alone."""
        if self.rank == 0:
            self.say(line)

    def warn(self, sentence: str) -> None:
        self.tell(f"Warning: {sentence}")

    def start(self, result: Result) -> None:
        self.tell(f"Stage: {result.stage}")
        if result.against:
            self.tell(f"Changes against {result.against}: {result.change}")
        threads = f" ({result.device}, {result.threads} threads)" if result.threads else ""
        self.tell(f"Using device={'cpu' if result.threads else 'cuda'}{threads}")
        if result.settings:
            self.tell(SETTINGS_PREFIX + to_json(result.settings))

    def sample(self, index: int, sample: Sample, gb_per_second: float) -> None:
        for i, text in enumerate([sample.text, *(other.text for other in sample.beside)]):
            if sample.beside:
                self.tell(f"Sequence {i + 1}:")
            for line in text.splitlines() or [""]:
                self.tell(f"  | {line}")
        speed = sample.tokens_per_second or 0.0
        self.tell(
            f"Time for inference {index + 1}: {sample.seconds:.2f} sec total, "
            f"{speed:.2f} tokens/sec"
        )
        self.tell(
            f"First token after {sample.ttft_seconds * 1e3:.2f} ms, "
            f"then {(sample.tpot_seconds or 0.0) * 1e3:.3f} ms per token"
        )
        if sample.beside:
            total, count = sample.total_tokens_per_second or 0.0, len(sample.lengths)
            self.tell(f"All {count} sequences together: {total:.2f} tokens/sec")
        self.tell(f"Bandwidth achieved: {gb_per_second:.2f} GB/s")
        self.tell(SAMPLE_PREFIX + to_json(sample))

    def finish(self, result: Result) -> None:
        result = self.complete(result)
        self.tell("==========")
        if result.mean_accepted is not None and result.acceptance_rate is not None:
            self.tell(f"Mean Accepted: {result.mean_accepted:.2f}")
            self.tell(f"Acceptance rate: {result.acceptance_rate:.3f}")
        if result.acceptance_by_position is not None:
            shares = ", ".join(f"{share:.3f}" for share in result.acceptance_by_position)
            self.tell(f"Acceptance by position: {shares}")
        if result.samples:
            self.tell(f"Batch Size: {result.batch_size}")
            self.tell(f"Prompt Length: {result.prompt_tokens}")
            self.tell(f"Generated tokens: {result.new_tokens}")
        if result.tokens_per_second is not None:
            self.tell(f"Average tokens/sec: {result.tokens_per_second:.2f}")
        if result.total_tokens_per_second is not None and (result.batch_size or 1) > 1:
            self.tell(f"All sequences together: {result.total_tokens_per_second:.2f} tokens/sec")
        if result.tokens_per_second_std is not None:
            self.tell(f"Standard deviation of tokens/sec: {result.tokens_per_second_std:.2f}")
        if result.reference is not None:
            speed = result.reference.tokens_per_second
            self.tell(f"For comparison, {result.reference.label}: {speed:.2f} tokens/sec")
        if result.quality is not None:
            quality = result.quality
            self.tell(
                f"Quality: perplexity {quality.perplexity:.4g}, unquantised "
                f"{quality.reference_perplexity:.4g}; the same token likeliest at "
                f"{quality.agreement:.1%} of {quality.tokens} tokens"
            )
        if result.token_check is not None:
            self.tell(f"Your functions: {result.token_check.sentence}")
        if result.memory_gb is not None:
            self.tell(f"Memory used: {result.memory_gb:.4f} GB")
        if result.reason:
            self.say(f"No complete result: {result.reason}")
            if result.advice:
                self.say(f"What to do: {result.advice}")
        self.tell(PREFIX + to_json(result))
