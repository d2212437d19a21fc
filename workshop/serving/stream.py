"""One answer as it streams in: what its bytes say, and when they came."""

from __future__ import annotations

from dataclasses import dataclass

from workshop.serving.answers import Kind
from workshop.serving.pieces import DONE, Piece, Usage, piece_of
from workshop.serving.sse import EventError, EventParser


@dataclass(frozen=True)
class Wanted:
    """How long an answer is to be.

    Attributes:
        exact: whether it must have as many tokens; else it may end earlier by itself.
    """

    new_tokens: int
    exact: bool = True


class Stream:
    """Takes the bytes of one answer. Times are in seconds since the request was sent.

    Attributes:
        first: when the first event with text came; None before it.
        last: when the last event came that has text or ends the answer.
        gaps: between two successive events with text.
        done: whether the end mark (``[DONE]``) came.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.first: float | None = None
        self.last: float | None = None
        self.gaps: list[float] = []
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.done = False
        self._wanted = wanted
        self._parser = EventParser()
        self._latest_text = 0.0
        # A token may come in several events, one for each byte of a character and more.
        self._most_events = 16 * wanted.new_tokens + 1024

    @property
    def events(self) -> int:
        """How many events with text came."""
        return 0 if self.first is None else len(self.gaps) + 1

    def take(self, received: bytes, now: float) -> bool:
        """Whether any of these bytes belong to the answer's text or end it.

        Raises:
            EventError: they are no server-sent events, or there are more than the answer can have.
            PieceError: they are not a completion's.
        """
        return self._take_all(self._parser.feed(received), now)

    def end(self, now: float) -> None:
        """Take the end of the stream; raises as ``take`` does."""
        self._take_all(self._parser.end(), now)

    def verdict(self) -> tuple[Kind, str | None]:
        """What became of the answer, now that the stream has ended; why, unless it is whole."""
        wanted, new = self._wanted, self.usage.new if self.usage else None
        if not self.done and self.finish is None:
            what = "in the middle of an answer" if self.events else "before the answer"
            return "error", f"the server closed the stream {what}"
        if not self.events:
            return "error", "the answer has no text, so that its first token has no time"
        ended_itself = self.finish == "stop"
        if new:
            short = new < wanted.new_tokens and (wanted.exact or self.finish == "length")
        else:
            short = wanted.exact and ended_itself
        if short:
            return "short", f"the answer ended before {wanted.new_tokens} tokens"
        return "answered", None

    def _take_all(self, events: list[bytes], now: float) -> bool:
        moved = False
        for data in events:
            if self.done or not data.strip():
                continue
            if data.strip() == DONE:
                self.done = moved = True
            else:
                moved |= self._take_piece(piece_of(data), now)
        return moved

    def _take_piece(self, piece: Piece, now: float) -> bool:
        self.usage = piece.usage or self.usage
        self.finish = piece.finish or self.finish
        if piece.text:
            if self.first is None:
                self.first = now
            else:
                self.gaps.append(now - self._latest_text)
            self._latest_text = now
            if self.events > self._most_events:
                raise EventError(
                    f"the answer does not end: {self.events} events came, and max_tokens is "
                    f"{self._wanted.new_tokens}"
                )
        if piece.text or piece.finish:
            self.last = now
            return True
        return False
