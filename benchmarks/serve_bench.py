"""What the client of `workshop serve-bench` adds to the times that it measures.

A server of known timing runs in a process on the other cores: it sends the first event a set time
after a request, then one every step, to all streams at once, as an engine does. It notes when it
really did, by the same clock, so that its own jitter is no error of the client's. The client runs
on one core. Run on a machine that does nothing else:

    python benchmarks/serve_bench.py -o result.json

The targets: with one stream, TTFT and TPOT within 1 ms, and TPOT within 1 %; 64 streams on one core
without their TPOT growing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from workshop.serving.answers import Answer
from workshop.serving.client import Client, Timeouts, body_of
from workshop.serving.load import Halt, Level, load
from workshop.serving.stream import Wanted
from workshop.serving.target import target_of

FIRST_SECONDS = 0.05
TOKENS = 100
CASES = ((1, 0.01), (1, 0.02), (16, 0.02), (64, 0.02), (64, 0.04), (128, 0.02))  # streams, step
ROUNDS = 4  # requests of a stream
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Served:
    """A request as the server answered it, in seconds by ``time.perf_counter``."""

    received: float
    times: list[float]

    @property
    def ttft(self) -> float:
        return self.times[0] - self.received

    @property
    def tpot(self) -> float:
        return (self.times[-1] - self.times[0]) / (len(self.times) - 1)


@dataclass(frozen=True)
class Case:
    """What was measured with a number of streams; times in ms."""

    streams: int
    step_ms: float
    events_per_second: float
    ttft_error_ms: float
    ttft_error_p99_ms: float
    tpot_error_ms: float
    tpot_error_percent: float
    tpot_error_p99_percent: float
    client_cpu: float


def chunk(data: str) -> bytes:
    content = f"data: {data}\n\n".encode()
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


TOKEN = chunk(json.dumps({"id": "x" * 36, "object": "chat.completion.chunk", "created": 1,
                          "model": "stub", "choices": [{"index": 0, "delta": {"content": " word"},
                                                        "finish_reason": None}]}))  # fmt: skip
END = (
    chunk('{"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}')
    + chunk(f'{{"choices": [], "usage": {{"prompt_tokens": 9, "completion_tokens": {TOKENS}}}}}')
    + chunk("[DONE]")
    + b"0\r\n\r\n"
)


class Server:
    """Answers every request at its time; ``served`` by the prompt."""

    def __init__(self, step: float) -> None:
        self.step = step
        self.served: dict[str, Served] = {}
        self.streams: dict[asyncio.StreamWriter, tuple[Served, asyncio.Event]] = {}

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(1 << 20)
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n")
                          if line.startswith(b"content-length:"))  # fmt: skip
            body = json.loads(await reader.readexactly(length))
            one = self.served[body["messages"][0]["content"]] = Served(time.perf_counter(), [])
            ended = asyncio.Event()
            writer.write(HEAD)
            self.streams[writer] = (one, ended)
            await ended.wait()

    async def steps(self) -> None:
        """Send a token to every stream whose turn it is, step by step, waiting busily."""
        following = time.perf_counter()
        while True:
            following += self.step
            while (left := following - time.perf_counter()) > 0:
                await asyncio.sleep(0.8 * left if left > 0.002 else 0)
            for writer, (one, ended) in list(self.streams.items()):
                if time.perf_counter() - one.received < FIRST_SECONDS:
                    continue
                one.times.append(time.perf_counter())
                writer.write(TOKEN)
                if len(one.times) == TOKENS:
                    writer.write(END)
                    del self.streams[writer]
                    ended.set()


def serve(step: float, cores: set[int], pipe: Connection) -> None:
    async def main() -> None:
        server = Server(step)
        listening = await asyncio.start_server(server.connection, "127.0.0.1", 0)
        pipe.send(listening.sockets[0].getsockname()[1])
        stepping = asyncio.create_task(server.steps())
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        stepping.cancel()
        pipe.send(server.served)

    os.sched_setaffinity(0, cores)
    asyncio.run(main())


async def requested(port: int, streams: int) -> tuple[dict[str, Answer], float, float]:
    """Answers by their prompts, CPU time, and wall time."""
    target = target_of(f"http://127.0.0.1:{port}", "chat", None)
    client, wanted, found = Client(target, Timeouts()), Wanted(TOKENS), {}

    async def send(index: int) -> Answer:
        prompt = f"Request {index}"
        found[prompt] = await client.answer(body_of(target, "stub", prompt, wanted), wanted)
        return found[prompt]

    await load(lambda index: send(-1 - index), Level(streams, 0, streams), 0, Halt())
    start = time.perf_counter()
    loaded = await load(send, Level(ROUNDS * streams, 0, streams), 0, Halt())
    wall = time.perf_counter() - start
    await client.close()
    assert all(answer.kind == "answered" for answer in loaded.answers), loaded.answers[0].problem
    measured = {prompt: one for prompt, one in found.items() if "-" not in prompt}
    return measured, loaded.cpu_seconds, wall


def measure(streams: int, step: float) -> Case:
    mine, *others = sorted(os.sched_getaffinity(0))
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(step, set(others or [mine]), theirs))
    server.start()
    os.sched_setaffinity(0, {mine})
    try:
        answers, cpu, wall = asyncio.run(requested(ours.recv(), streams))
    finally:
        os.sched_setaffinity(0, {mine, *others})
        ours.send(None)
    served: dict[str, Served] = ours.recv()
    server.join()
    ttft = [(one.ttft_seconds or 0) - served[prompt].ttft for prompt, one in answers.items()]
    tpot = [(one.tpot_seconds or 0) - served[prompt].tpot for prompt, one in answers.items()]
    share = [(one.tpot_seconds or 0) / served[prompt].tpot - 1 for prompt, one in answers.items()]
    return Case(
        streams,
        1e3 * step,
        len(answers) * TOKENS / wall,
        1e3 * statistics.fmean(ttft),
        1e3 * largest(ttft),
        1e3 * statistics.fmean(tpot),
        100 * statistics.fmean(share),
        100 * largest(share),
        cpu / wall,
    )


def largest(errors: Sequence[float]) -> float:
    """99th percentile of the absolute values."""
    ascending = sorted(abs(error) for error in errors)
    return ascending[min(len(ascending) - 1, int(0.99 * len(ascending)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path)
    output = parser.parse_args().output
    print("streams  step ms  events/s  TTFT error ms (p99)  TPOT error % (p99)  client's core %")
    cases = []
    for streams, step in CASES:
        case = measure(streams, step)
        cases.append(case)
        print(
            f"{case.streams:7}  {case.step_ms:7.0f}  {case.events_per_second:8.0f}"
            f"  {case.ttft_error_ms:11.3f} ({case.ttft_error_p99_ms:.3f})"
            f"  {case.tpot_error_percent:10.3f} ({case.tpot_error_p99_percent:.3f})"
            f"  {100 * case.client_cpu:15.0f}",
            flush=True,
        )
    if output is not None:
        machine = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        document = machine | {"tokens": TOKENS, "cases": [asdict(case) for case in cases]}
        output.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
