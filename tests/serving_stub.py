"""A server of the OpenAI API that does as a test says, over loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Reply = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]
STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """What a client sent.

    Attributes:
        number: of this request among those that ask for an answer, from 0.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    number: int

    @property
    def prompt(self) -> str:
        if "messages" in self.body:
            return self.body["messages"][-1]["content"]
        return self.body["prompt"]

    @property
    def prompt_tokens(self) -> int:
        """Three of a template, and a word each."""
        return 3 + len(self.prompt.split())


@dataclass
class Stub:
    """The server.

    Attributes:
        requests: those for answers, in the order of their arrival.
        open: requests that are being answered; most_open: most that were at a time.
    """

    reply: Reply
    models: list[str] = field(default_factory=lambda: ["stub"])
    requests: list[Request] = field(default_factory=list)
    open: int = 0
    most_open: int = 0
    port: int = 0
    scheme: str = "http"
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*ends):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        begun = await reader.readexactly(1)
        if begun == b"\x16":  # TLS
            await send_whole(writer, 400, "{}")
            return False
        head = (begun + await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if path.endswith("/models"):
            listed = {"data": [{"id": name} for name in self.models]}
            await send_whole(writer, 200, json.dumps(listed))
            return True
        request = Request(method, path, headers, json.loads(body), len(self.requests))
        self.requests.append(request)
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            await self.reply(request, writer)
        finally:
            self.open -= 1
        return not writer.is_closing()

    def close(self) -> None:
        """Stop listening, and break every connection off: the server has died."""
        assert self._server is not None
        self._server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task() and task.get_name() != "main":
                task.cancel()


@contextlib.contextmanager
def stub(reply: Reply, tls: ssl.SSLContext | None = None, **fields: Any) -> Iterator[Stub]:
    """A server that listens on a free port, until the block ends."""
    server = Stub(reply, scheme="https" if tls else "http", **fields)
    ready, loops = threading.Event(), []

    async def main() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.set_name("main")
        stop = asyncio.Event()
        loops.extend([asyncio.get_running_loop(), stop])
        server._server = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
        server.port = server._server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield server
    finally:
        loop, stop = loops
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)


async def send_whole(
    writer: asyncio.StreamWriter, status: int, body: str, kind: str = "application/json"
) -> None:
    """A whole answer at once."""
    content = body.encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    writer.write(head.encode() + content)
    await writer.drain()


async def begin_stream(writer: asyncio.StreamWriter, kind: str = STREAM) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()


async def send(writer: asyncio.StreamWriter, data: bytes | str) -> None:
    """One chunk of a stream."""
    content = data.encode() if isinstance(data, str) else data
    writer.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
    await writer.drain()


async def end_stream(writer: asyncio.StreamWriter) -> None:
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def event(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"


def text_event(request: Request, text: str, finish: str | None = None) -> str:
    """An event with a part of the answer, as the request's endpoint has them."""
    if request.path.endswith("/chat/completions"):
        return event({"choices": [{"index": 0, "delta": {"content": text},
                                   "finish_reason": finish}]})  # fmt: skip
    return event({"choices": [{"index": 0, "text": text, "finish_reason": finish}]})


def usage_event(request: Request, new: int, **more: object) -> str:
    usage = {"prompt_tokens": request.prompt_tokens, "completion_tokens": new, **more}
    return event({"choices": [], "usage": usage})


def streaming(
    tokens: int | None = None,
    per_event: int = 1,
    usage: bool = True,
    seconds: float = 0.0,
    finish: str = "length",
    end: str = "data: [DONE]\n\n",
    **more: object,
) -> Reply:
    """Answers as a well-behaved server does.

    Args:
        tokens: how many; None for as many as are asked for.
        per_event: tokens of an event.
        seconds: before each event.
    """

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        await begin_stream(writer)
        count = request.body["max_tokens"] if tokens is None else tokens
        if request.path.endswith("/chat/completions"):
            first = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}
            await send(writer, event(first))
        for begun in range(0, count, per_event):
            await asyncio.sleep(seconds)
            await send(writer, text_event(request, " word" * min(per_event, count - begun)))
        await send(writer, text_event(request, "", finish))
        if usage:
            await send(writer, usage_event(request, count, **more))
        if end:
            await send(writer, end)
        await end_stream(writer)

    return reply
