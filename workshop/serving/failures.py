"""Why a request failed, in one sentence: from what httpx2 raises, or from the server's status."""

from __future__ import annotations

import json
import socket
import ssl
from http import HTTPStatus

import httpx2

from workshop.serving.pieces import message_of
from workshop.serving.target import Target

# Errors after which the server may be gone, not only one of its answers.
LOST = (httpx2.ConnectError, httpx2.ConnectTimeout)


def why(error: Exception, target: Target) -> str:
    """One sentence of what happened to a connection."""
    if isinstance(error, httpx2.ConnectTimeout):
        return f"no connection to {target.base} within the time limit (--connect-timeout)"
    if isinstance(error, httpx2.ConnectError):
        return _unconnected(error, target)
    if isinstance(error, httpx2.RemoteProtocolError):
        return f"the server broke off, or does not speak HTTP: {target.safe(str(error))}"
    if isinstance(error, httpx2.NetworkError):
        return "the connection broke while the answer came"
    return f"the request failed: {type(error).__name__}: {target.safe(str(error))}"


def _unconnected(error: Exception, target: Target) -> str:
    kinds = (ssl.SSLCertVerificationError, ssl.SSLError, ConnectionRefusedError, socket.gaierror)
    cause = _first_of(error, kinds)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {target.base} is not to be trusted "
            f"({target.safe(cause.verify_message)}): name the CA's file with --ca"
        )
    if isinstance(cause, ssl.SSLError):
        return f"{target.base} does not speak TLS: try http:// in place of https://"
    if isinstance(cause, ConnectionRefusedError):
        return f"nothing listens at {target.base}: connection refused"
    if isinstance(cause, socket.gaierror):
        return f"there is no host of the name in {target.base}"
    return f"no connection to {target.base}: {target.safe(str(error))}"


def _first_of(error: BaseException, kinds: tuple[type[BaseException], ...]) -> BaseException | None:
    """The first kind of exception that is among the causes of an error."""
    causes: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(causes) < 20:
        one = waiting.pop()
        if one is None or one in causes:
            continue
        causes.append(one)
        waiting += [one.__cause__, one.__context__]
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else []
    return next((one for kind in kinds for one in causes if isinstance(one, kind)), None)


def refused(status: int, body: bytes, location: str, target: Target) -> str:
    """One sentence of an answer that is not 200 OK.

    Args:
        body: its beginning.
        location: where a redirection leads to.
    """
    if 300 <= status < 400:
        return f"the server redirects to {target.safe(location, 100)}: name that address"
    known = status in HTTPStatus._value2member_map_
    sentence = f"HTTP {status} {HTTPStatus(status).phrase}" if known else f"HTTP {status}"
    if message := target.safe(_message(body)):
        sentence += f": {message}"
    return sentence + _advice(status, target, message)


def _message(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else text  # a page for people
    return message_of(parsed)


def _advice(status: int, target: Target, message: str) -> str:
    if status in (401, 403):
        return " (the API key is taken from the environment: --api-key-env)"
    if status in (404, 405) and "model" not in message.lower():
        return f" (there is no {target.address}: check the address and --endpoint)"
    if "ignore_eos" in message:
        return " (--no-ignore-eos leaves that field out)"
    return ""


def no_stream(content_type: str, body: bytes, target: Target) -> str:
    """One sentence of an answer that is no stream of events."""
    what = target.safe(content_type, 60) or "no content type"
    sentence = f"the server sent {what} in place of a stream (text/event-stream)"
    message = target.safe(_message(body), 100) if "json" in content_type else ""
    return f"{sentence}: {message}" if message else sentence
