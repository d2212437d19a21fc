"""Which server is measured, and by which of its addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from workshop.util.errors import UsageError
from workshop.util.text import one_line

Endpoint = Literal["chat", "completions"]
PATHS: dict[Endpoint, str] = {"chat": "/chat/completions", "completions": "/completions"}


@dataclass(frozen=True)
class Target:
    """A server.

    Attributes:
        base: address that the API's paths follow: ``http://node17:8000/v1``.
        key: the API key; it is neither printed nor recorded.
    """

    base: str
    endpoint: Endpoint
    key: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return self.base + PATHS[self.endpoint]

    @property
    def models(self) -> str:
        """The address of the list of models."""
        return self.base + "/models"

    @property
    def headers(self) -> dict[str, str]:
        plain = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
        }
        return plain | ({"Authorization": f"Bearer {self.key}"} if self.key else {})

    def safe(self, text: str, longest: int = 160) -> str:
        """What the server sent, as one line without control characters and without the key."""
        return one_line(text.replace(self.key, "[API key]") if self.key else text, longest)


def target_of(url: str, endpoint: Endpoint | None, key: str | None) -> Target:
    """The server that a user names: by its address, with /v1 or without, or by an endpoint's.

    Raises:
        UsageError: no address of a server, or one with a password in it.
    """
    shown = one_line(url, 80)
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{shown!r} is not a server's address: {error}") from None
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "the address contains a user name or a password, which others can see in the list of "
            "processes: pass an API key in the environment (--api-key-env)"
        )
    is_web = parts.scheme in ("http", "https") and url.strip().isprintable()
    if not is_web or not parts.hostname or not _is_host(parts.hostname):
        raise UsageError(f"{shown!r} is not a server's address, such as http://localhost:8000/v1")
    if parts.query or parts.fragment:
        raise UsageError(f"{shown!r}: leave out what follows '?' or '#'")
    path = parts.path.rstrip("/")
    for name in PATHS:  # chat first: the other is the end of it
        if path.endswith(PATHS[name]):
            path, endpoint = path.removesuffix(PATHS[name]), endpoint or name
            break
    return Target(f"{parts.scheme}://{parts.netloc}{path or '/v1'}", endpoint or "chat", key)


def _is_host(name: str) -> bool:
    """Whether a name can be looked up: no blanks, no label that is empty or too long."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return " " not in name


def key_in(environment: Mapping[str, str], variable: str) -> str | None:
    """The API key that the environment has; None without one.

    Raises:
        UsageError: it has characters that no header may contain.
    """
    key = environment.get(variable, "").strip()
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError(f"the API key in {variable} has characters that no API key can have")
    return key or None
