"""The JSON of an event: whether it has text, whether the answer ends, what the server counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

DONE = b"[DONE]"
MOST_TOKENS = 10**9


class PieceError(ValueError):
    """An event that is no part of an answer.

    Attributes:
        sentence: what is wrong with it.
        sent: what the server sent, not yet safe to show.
    """

    def __init__(self, sentence: str, sent: str) -> None:
        super().__init__(sentence)
        self.sentence, self.sent = sentence, sent


@dataclass(frozen=True)
class Usage:
    """What the server counted; None for what it does not report.

    Attributes:
        cached: tokens of the prompt that it took from its prefix cache.
    """

    prompt: int | None
    new: int | None
    cached: int | None = None


@dataclass(frozen=True)
class Piece:
    """One event of an answer.

    Attributes:
        text: whether it has any: of the answer, of the reasoning before it, of a refusal, or a
            call of a tool.
        choice: whether it is about the answer at all; the event with the usage is not.
        finish: why the answer ends here: stop, length, ...; None where it goes on.
    """

    text: bool
    choice: bool
    finish: str | None = None
    usage: Usage | None = None


class _Delta(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None  # vLLM, SGLang, llama-server
    reasoning: Any = None  # Ollama, and later versions of vLLM
    refusal: Any = None
    tool_calls: Any = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    text: Any = None
    finish_reason: Any = None


class _Event(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Event)


def piece_of(data: bytes) -> Piece:
    """What an event says.

    Raises:
        PieceError: it is not the JSON of a completion, or the server reports an error in it.
    """
    try:
        event = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = data.decode("utf-8", "replace")
        raise PieceError("the server sent an event that is not a completion's", text) from None
    if event.error:
        raise PieceError("the server reports an error", message_of(event.error))
    if not event.choices:
        return Piece(text=False, choice=False, usage=_usage(event.usage))
    choice = event.choices[0]
    delta = choice.delta or _Delta()
    texts = (
        delta.content,
        choice.text,
        delta.reasoning_content,
        delta.reasoning,
        delta.refusal,
        delta.tool_calls,
    )
    finish = choice.finish_reason
    return Piece(
        text=any(texts),
        choice=True,
        finish=finish if isinstance(finish, str) and finish else None,
        usage=_usage(event.usage),
    )


def message_of(error: Any) -> str:
    """The message of an error as the server reports it: a text, or an object that has one."""
    if not isinstance(error, dict):
        return str(error)
    inner = error.get("error")
    found = inner if isinstance(inner, dict) else error
    message = found.get("message") or found.get("detail") or inner or error
    return str(message)


def _usage(given: Any) -> Usage | None:
    if not isinstance(given, dict):
        return None
    details = given.get("prompt_tokens_details")
    return Usage(
        _count(given.get("prompt_tokens")),
        _count(given.get("completion_tokens")),
        _count(details.get("cached_tokens")) if isinstance(details, dict) else None,
    )


def _count(given: Any) -> int | None:
    is_number = isinstance(given, int) and not isinstance(given, bool)
    return given if is_number and 0 <= given <= MOST_TOKENS else None
