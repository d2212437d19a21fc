"""Server-sent events: from bytes as they arrive to the data of each event.

Follows the WHATWG HTML standard, section "Interpreting an event stream": lines end in CR, LF or
CRLF; a line that begins with a colon is a comment; the data lines of an event are joined by
newlines; a blank line ends the event.
"""

from __future__ import annotations

LONGEST_EVENT = 1 << 20  # bytes of an event, and of a line
_BOM = b"\xef\xbb\xbf"


class EventError(ValueError):
    """A stream that is not one of server-sent events; the message is a sentence."""


class EventParser:
    """Takes bytes cut anywhere, and gives the data of the events that they complete."""

    def __init__(self, longest: int = LONGEST_EVENT) -> None:
        self._longest = longest
        self._rest = bytearray()  # of a line without its end
        self._size = 0  # of the data of the open event
        self._data: list[bytes] = []
        self._after_return = False  # the last byte was a CR: a LF that follows belongs to it
        self._begun = False

    def feed(self, received: bytes) -> list[bytes]:
        """The data of each event that ends in these bytes.

        Raises:
            EventError: a line or an event longer than the limit.
        """
        events: list[bytes] = []
        if self._after_return and received:
            received = received.removeprefix(b"\n")
            self._after_return = False
        if not received:
            return events
        self._after_return = received.endswith(b"\r")
        *lines, rest = received.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            if self._rest:
                line = bytes(self._rest) + line
                self._rest.clear()
            self._take(line, events)
        self._rest += rest
        if len(self._rest) > self._longest:
            raise EventError(f"the server sent a line of more than {self._longest} bytes")
        return events

    def end(self) -> list[bytes]:
        """The data of an event that the end of the stream completes, without a blank line."""
        events: list[bytes] = []
        rest, self._rest = bytes(self._rest), bytearray()
        for line in (rest, b"") if rest else (b"",):
            self._take(line, events)
        return events

    def _take(self, line: bytes, events: list[bytes]) -> None:
        if not self._begun:
            line = line.removeprefix(_BOM)
            self._begun = True
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
            self._data, self._size = [], 0
            return
        name, _, value = line.partition(b":")
        if name != b"data":
            return  # a comment, or a field that the API does not use
        value = value.removeprefix(b" ")
        self._size += len(value) + 1
        if self._size > self._longest:
            raise EventError(f"the server sent an event of more than {self._longest} bytes")
        self._data.append(value)
