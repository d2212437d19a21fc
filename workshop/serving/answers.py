"""What became of one request: its times, what the server counted, or why there is no answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workshop.serving.pieces import Usage

Kind = Literal["answered", "short", "error", "timeout"]


@dataclass(frozen=True)
class Answer:
    """One request. Times are in seconds since it was written to its connection.

    Attributes:
        kind: only of what was answered whole are times averaged; a short answer has fewer new
            tokens than were asked for.
        problem: one sentence where it was not answered whole.
        sent: when, by the clock of ``time.perf_counter``.
        seconds: until its last token, or until it failed.
        ttft_seconds: until the first event that has text.
        gaps: times between two successive events that have text.
        events: how many have text.
        unreachable: whether there was no connection to the server, or it broke.
    """

    kind: Kind
    sent: float
    seconds: float
    problem: str | None = None
    ttft_seconds: float | None = None
    gaps: tuple[float, ...] = ()
    events: int = 0
    usage: Usage | None = None
    unreachable: bool = False

    @property
    def new_tokens(self) -> int | None:
        """As the server counts them; None where it does not report it."""
        return (self.usage.new or None) if self.usage else None

    @property
    def prompt_tokens(self) -> int | None:
        return (self.usage.prompt or None) if self.usage else None

    @property
    def cached_tokens(self) -> int:
        return (self.usage.cached or 0) if self.usage else 0

    @property
    def tpot_seconds(self) -> float | None:
        """Time per output token after the first; None of a single one, or where none is counted."""
        if self.ttft_seconds is None or self.new_tokens is None or self.new_tokens < 2:
            return None
        return (self.seconds - self.ttft_seconds) / (self.new_tokens - 1)

    @property
    def tokens_per_second(self) -> float | None:
        """New tokens over the whole time of the request."""
        return self.new_tokens / self.seconds if self.new_tokens and self.seconds > 0 else None
