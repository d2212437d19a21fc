"""How requests are sent: a number of them side by side, or at a rate, whatever is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from workshop.serving.answers import Answer
from workshop.serving.arrivals import poisson

Send = Callable[[int], Awaitable[Answer]]
_LEAST_PATIENCE = 3  # requests in a row without a connection or in time: the server is gone


@dataclass(frozen=True)
class Level:
    """One load.

    Attributes:
        concurrency: requests in flight at any time; None at a rate.
        rate: requests per second, which arrive independently of each other; None otherwise.
        warmup: requests before those that are measured.
    """

    requests: int
    warmup: int
    concurrency: int | None = None
    rate: float | None = None

    def __str__(self) -> str:
        if self.rate is not None:
            return f"request rate {self.rate:g}/s"
        return f"concurrency {self.concurrency}"

    @property
    def for_warmup(self) -> Level:
        """The load of the warm-up: as many side by side, so that their connections are open."""
        side_by_side = min(self.warmup, self.concurrency or self.warmup)
        return Level(self.warmup, 0, concurrency=max(1, side_by_side))


class Halt:
    """Ends a measurement early. Use in one event loop."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._event = asyncio.Event()

    def now(self, reason: str) -> None:
        """End it, for a reason that continues the sentence 'it ended because'."""
        if self.reason is None:
            self.reason = reason
            self._event.set()

    async def wait(self) -> None:
        await self._event.wait()


@dataclass
class Loaded:
    """What became of the requests of a level, in the order in which they ended.

    Attributes:
        cpu_seconds: CPU time of this process meanwhile.
    """

    answers: list[Answer] = field(default_factory=list)
    cpu_seconds: float = 0.0


async def load(send: Send, level: Level, seed: int, halt: Halt) -> Loaded:
    """Send a level's requests until all are answered or ``halt`` is set.

    A server that does not answer several times in a row halts it.
    """
    loaded = Loaded()
    before = time.process_time()
    sending = asyncio.create_task(_sending(send, level, seed, loaded.answers, halt))
    halting = asyncio.create_task(halt.wait())
    try:
        await asyncio.wait({sending, halting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        finished = sending.done()
        for task in (sending, halting):
            task.cancel()
        await asyncio.gather(sending, halting, return_exceptions=True)
    loaded.cpu_seconds = time.process_time() - before
    if finished:
        sending.result()  # raises what went wrong in this program
    return loaded


async def _sending(send: Send, level: Level, seed: int, answers: list[Answer], halt: Halt) -> None:
    patience = max(_LEAST_PATIENCE, level.concurrency or 0)

    async def one(index: int) -> None:
        answers.append(await send(index))
        last = answers[-patience:]
        if len(last) == patience and all(one.unreachable or one.kind == "timeout" for one in last):
            halt.now(f"the server no longer answered ({last[-1].problem})")

    async with asyncio.TaskGroup() as tasks:
        if level.rate is None:
            waiting = iter(range(level.requests))

            async def worker() -> None:
                for index in waiting:
                    await one(index)

            for _ in range(min(level.concurrency or 1, level.requests)):
                tasks.create_task(worker())
            return
        start = time.perf_counter()
        for index, at in enumerate(poisson(level.rate, level.requests, seed)):
            await asyncio.sleep(max(0.0, start + at - time.perf_counter()))
            tasks.create_task(one(index))
