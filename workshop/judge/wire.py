"""Messages over a stream socket: a length, then plain data."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from workshop.judge.plain import NotPlainError, decode, encode

LENGTH = struct.Struct("!Q")


class ClosedError(ConnectionError):
    """The other end is gone."""


def send(channel: socket.socket, value: Any) -> None:
    """Send one message; raises NotPlainError, and OSError where the other end is gone."""
    data = encode(value)
    channel.sendall(LENGTH.pack(len(data)))
    channel.sendall(data)


def receive(channel: socket.socket, most: int, deadline: float | None = None) -> Any:
    """One message of at most ``most`` bytes.

    Args:
        deadline: by time.monotonic(), for all of it; without one, the channel's own time-out.

    Raises:
        ClosedError: the stream ended before the message did.
        NotPlainError: the message is too long, or no plain data.
        TimeoutError: it was not all there in time.
    """
    (length,) = LENGTH.unpack(_exactly(channel, LENGTH.size, deadline))
    if length > most:
        raise NotPlainError(f"an answer of {length / 1e6:.0f} MB is more than {most / 1e6:.0f} MB")
    return decode(_exactly(channel, length, deadline))


def _exactly(channel: socket.socket, count: int, deadline: float | None) -> bytes:
    data = bytearray()
    while len(data) < count:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("it came too slowly")
            channel.settimeout(left)
        try:
            part = channel.recv(min(count - len(data), 1 << 20))
        except ConnectionError:
            part = b""
        if not part:
            raise ClosedError("the other end is gone")
        data += part
    return bytes(data)
