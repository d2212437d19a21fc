"""The client: sends one request, and times its answer."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from workshop.serving.answers import Answer
from workshop.serving.failures import LOST, no_stream, refused, why
from workshop.serving.pieces import PieceError
from workshop.serving.sse import EventError
from workshop.serving.stream import Stream, Wanted
from workshop.serving.target import Target
from workshop.util.errors import ExpectedError, UsageError

_MOST_BODY = 1 << 20  # bytes that are read of a list of models
_MOST_ERROR = 4096  # bytes that are read of an error
_AFTER_DONE = 1.0  # seconds in which the connection is to become free after the end mark
_KEEP_SECONDS = 2.0  # less than servers keep an idle connection: none breaks as it is used again


class ServerError(ExpectedError):
    """The server cannot be measured; the message is one sentence."""


class _RefusedError(Exception):
    """An answer without a stream; the message is one sentence."""


@dataclass(frozen=True)
class Timeouts:
    """Time limits in seconds.

    Attributes:
        first_token: from the request until the first event with text.
        between_tokens: between two events with text.
    """

    connect: float = 10.0
    first_token: float = 300.0
    between_tokens: float = 60.0


class _Sending:
    """When a request is written to its connection, which is open by then."""

    def __init__(self) -> None:
        self.at = time.perf_counter()

    async def trace(self, name: str, _: Mapping[str, Any]) -> None:
        """What httpx2 calls at each step of a request."""
        if name == "http11.send_request_headers.started":
            self.at = time.perf_counter()

    def since(self) -> float:
        """Seconds."""
        return time.perf_counter() - self.at


class Client:
    """Connections to one server, for use in one event loop."""

    def __init__(self, target: Target, timeouts: Timeouts, ca: Path | None = None) -> None:
        self.target = target
        self._timeouts = timeouts
        self._http = httpx2.AsyncClient(
            verify=_trust(ca) if target.base.startswith("https:") else False,
            timeout=httpx2.Timeout(None, connect=timeouts.connect),
            limits=httpx2.Limits(
                max_connections=None,
                max_keepalive_connections=None,
                keepalive_expiry=_KEEP_SECONDS,
            ),
            follow_redirects=False,
            trust_env=False,  # a proxy's delay is not the server's
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def answer(self, body: bytes, wanted: Wanted) -> Answer:
        """Send a request, and read its answer to the end; what goes wrong is in the answer."""
        sending = _Sending()
        request = self._http.build_request(
            "POST",
            self.target.address,
            content=body,
            headers=self.target.headers,
            extensions={"trace": sending.trace},
        )
        stream = Stream(wanted)
        problem, timed_out, unreachable = None, False, False
        try:
            async with asyncio.timeout(self._timeouts.first_token) as deadline:
                await self._read(request, stream, deadline, sending)
        except TimeoutError:
            if not stream.done and stream.finish is None:
                problem, timed_out = self._too_late(stream), True
        except httpx2.HTTPError as error:
            problem = why(error, self.target)
            unreachable = isinstance(error, LOST)
            timed_out = isinstance(error, httpx2.TimeoutException)
        except PieceError as error:
            problem = f"{error.sentence}: {self.target.safe(error.sent)}"
        except (_RefusedError, EventError) as error:
            problem = str(error)
        kind, verdict = stream.verdict()
        if problem is not None:
            kind, verdict = ("timeout" if timed_out else "error"), problem
        until = stream.last if kind in ("answered", "short") and stream.last is not None else None
        return Answer(
            kind=kind,
            problem=verdict,
            sent=sending.at,
            seconds=sending.since() if until is None else until,
            ttft_seconds=stream.first,
            gaps=tuple(stream.gaps),
            events=stream.events,
            usage=stream.usage,
            unreachable=unreachable,
        )

    async def _read(
        self, request: httpx2.Request, stream: Stream, deadline: asyncio.Timeout, sending: _Sending
    ) -> None:
        clock = asyncio.get_running_loop().time
        response = await self._http.send(request, stream=True)
        try:
            await self._check(response)
            async for received in response.aiter_raw():
                if stream.take(received, sending.since()):
                    limit = _AFTER_DONE if stream.done else self._timeouts.between_tokens
                    deadline.reschedule(clock() + limit)
            stream.end(sending.since())
        finally:
            await response.aclose()

    async def _check(self, response: httpx2.Response) -> None:
        """Raise _RefusedError unless the answer is a stream of events."""
        kind = response.headers.get("content-type", "")
        if response.status_code != 200:
            location = response.headers.get("location", "")
            body = await _beginning(response, _MOST_ERROR)
            raise _RefusedError(refused(response.status_code, body, location, self.target))
        if kind.partition(";")[0].strip().lower() != "text/event-stream":
            body = await _beginning(response, _MOST_ERROR) if "json" in kind else b""
            raise _RefusedError(no_stream(kind, body, self.target))
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise _RefusedError("the server compresses its stream, though the request forbids it")

    def _too_late(self, stream: Stream) -> str:
        if stream.first is None:
            return f"no token within {self._timeouts.first_token:g} s (--first-token-timeout)"
        return f"no further token within {self._timeouts.between_tokens:g} s (--token-timeout)"

    async def models(self) -> list[str]:
        """The names of the models that the server has.

        Raises:
            ServerError: it cannot be reached, or does not list them.
        """
        request = self._http.build_request(
            "GET", self.target.models, headers=self.target.headers | {"Accept": "application/json"}
        )
        try:
            async with asyncio.timeout(self._timeouts.connect + 30):
                response = await self._http.send(request, stream=True)
                try:
                    body = await _beginning(response, _MOST_BODY)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise ServerError(f"{self.target.models} does not answer") from None
        except httpx2.HTTPError as error:
            raise ServerError(why(error, self.target)) from None
        if response.status_code != 200:
            location = response.headers.get("location", "")
            sentence = refused(response.status_code, body[:_MOST_ERROR], location, self.target)
            raise ServerError(f"{self.target.models}: {sentence}; or name one with --model")
        return _names(body)


class _Named(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Named]


def _names(body: bytes) -> list[str]:
    try:
        found = msgspec.json.decode(body, type=_Models).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ServerError(
            "the server's list of models cannot be read: name the model with --model"
        ) from None
    return [one.id for one in found if one.id]


async def _beginning(response: httpx2.Response, most: int) -> bytes:
    """The first bytes of a body."""
    found = bytearray()
    async for received in response.aiter_raw():
        found += received
        if len(found) >= most:
            break
    return bytes(found[:most])


def _trust(ca: Path | None) -> ssl.SSLContext:
    """Which certificates to trust: the system's CAs, or one in a file.

    Raises:
        UsageError: the file has no certificate.
    """
    if ca is None:
        return httpx2.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{ca} has no CA certificate in PEM format: {error}") from None


def body_of(
    target: Target, model: str, prompt: str, wanted: Wanted, temperature: float = 0.0
) -> bytes:
    """The body of a request that asks for a stream, and for the server's count of tokens."""
    asked: dict[str, Any] = {"model": model}
    if target.endpoint == "chat":
        asked["messages"] = [{"role": "user", "content": prompt}]
    else:
        asked["prompt"] = prompt
    asked |= {
        "max_tokens": wanted.new_tokens,
        "temperature": temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if wanted.exact:
        asked["ignore_eos"] = True
    return msgspec.json.encode(asked)
