"""Messages over a stream socket: a length, then plain data."""

from __future__ import annotations

import socket
import struct
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


def receive(channel: socket.socket, most: int) -> Any:
    """One message of at most ``most`` bytes.

    Raises:
        ClosedError: the stream ended before the message did.
        NotPlainError: the message is too long, or no plain data.
        TimeoutError: the channel's time-out.
    """
    (length,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    if length > most:
        raise NotPlainError(f"an answer of {length / 1e6:.0f} MB is more than {most / 1e6:.0f} MB")
    return decode(_exactly(channel, length))


def _exactly(channel: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        try:
            part = channel.recv(min(count - len(data), 1 << 20))
        except ConnectionError:
            part = b""
        if not part:
            raise ClosedError("the other end is gone")
        data += part
    return bytes(data)
