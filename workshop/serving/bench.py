"""A whole measurement: finds out what the server has, then measures one level after the other."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import platform
import signal
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import workshop
from workshop.record.results import Condition, Versions
from workshop.runner import provenance
from workshop.serving.answers import Answer
from workshop.serving.client import Client, ServerError, Timeouts, body_of
from workshop.serving.load import Halt, Level, load
from workshop.serving.log import Log
from workshop.serving.prompts import Listed, Prompts, shuffled_of_length
from workshop.serving.records import Origin, Record, record_of
from workshop.serving.stream import Wanted
from workshop.serving.summary import Targets, summary_of
from workshop.serving.target import Target
from workshop.util.errors import UsageError

INTERRUPTED = "it was interrupted"
_MOST_MODELS = 10  # that are named in a sentence
T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """What a user wants to be measured.

    Attributes:
        model: none ('') takes the only one that the server has.
        prompt_tokens: length of the prompts, by the server's count; not with ``listed``.
        listed: prompts of a file.
        conditions: the user's own notes.
    """

    target: Target
    levels: Sequence[Level]
    wanted: Wanted
    prompt_tokens: int = 128
    listed: Listed | None = None
    model: str = ""
    temperature: float = 0.0
    targets: Targets = field(default_factory=Targets)
    timeouts: Timeouts = field(default_factory=Timeouts)
    ca: Path | None = None
    seed: int = 0
    conditions: dict[str, Condition] = field(default_factory=dict)


def run(asked: Asked, log: Log) -> str | None:
    """Measure all levels; each goes into the log as it ends.

    SIGINT and SIGTERM end it early, with what was measured until then.

    Returns:
        Why it ended before the last level's last request; None if it did not.

    Raises:
        UsageError: the server has several models and none was named, or there is no such CA file.
        ServerError, PromptError: the server cannot be measured; nothing was.
    """
    return asyncio.run(_run(asked, log))


async def _run(asked: Asked, log: Log) -> str | None:
    halt = Halt()
    with _signals_to(halt):
        client = Client(asked.target, asked.timeouts, asked.ca)
        try:
            await _measure(asked, client, log, halt)
        finally:
            await client.close()
    return halt.reason


@contextlib.contextmanager
def _signals_to(halt: Halt) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM halt; the second does what it did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for one, handler in before.items():
            if loop.remove_signal_handler(one):
                signal.signal(one, handler)

    def halt_once() -> None:
        halt.now(INTERRUPTED)
        restore()

    for one in before:
        loop.add_signal_handler(one, halt_once)
    try:
        yield
    finally:
        restore()


async def _unless(halt: Halt, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives; raises ServerError if it is halted before."""
    working, halting = asyncio.create_task(work), asyncio.create_task(halt.wait())
    try:
        await asyncio.wait({working, halting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        finished = working.done()
        for task in (working, halting):
            task.cancel()
        await asyncio.gather(working, halting, return_exceptions=True)
    if not finished:
        raise ServerError(f"{halt.reason}, before anything was measured")
    return working.result()


async def _measure(asked: Asked, client: Client, log: Log, halt: Halt) -> None:
    target = asked.target
    model = asked.model or await _unless(halt, _only_model(client))
    log.say(f"Server: {target.address}, model {target.safe(model)}")
    prompts, warnings = await _unless(halt, _prompts(asked, client, model))
    for warning in warnings:
        log.say(f"Warning: {warning}")
    origin = _origin(asked, model, warnings)
    for number, level in enumerate(asked.levels):
        log.say(f"== {level}: {level.requests} requests ==")
        log.keep(await _level(asked, client, model, prompts, origin, number, level, halt))
        if halt.reason is not None:
            for left in asked.levels[number + 1 :]:
                log.say(f"Not measured: {left}")
            return


async def _only_model(client: Client) -> str:
    names = await client.models()
    if not names:
        raise ServerError("the server lists no model: name one with --model")
    if len(names) > 1:
        shown = ", ".join(client.target.safe(name, 80) for name in names[:_MOST_MODELS])
        more = ", ..." if len(names) > _MOST_MODELS else ""
        raise UsageError(f"the server has {len(names)} models: choose one with --model: "
                         f"{shown}{more}")  # fmt: skip
    return names[0]


async def _prompts(asked: Asked, client: Client, model: str) -> tuple[Prompts, list[str]]:
    """The prompts, and a warning where their length is not the one that was asked for."""
    if asked.listed is not None:
        return asked.listed, []

    async def count(prompt: str) -> int | None:
        one = Wanted(1, asked.wanted.exact)
        answer = await client.answer(body_of(asked.target, model, prompt, one), one)
        if answer.prompt_tokens is None and answer.kind in ("error", "timeout"):
            raise ServerError(f"{answer.problem}")
        return answer.prompt_tokens or None

    prompts, length = await shuffled_of_length(asked.prompt_tokens, count, asked.seed)
    if length is None:
        return prompts, [
            f"the server does not count the tokens of a prompt: prompts have {asked.prompt_tokens} "
            "words"
        ]
    if length != asked.prompt_tokens:
        return prompts, [f"prompts have {length} tokens, the nearest length that was found"]
    return prompts, []


async def _level(
    asked: Asked,
    client: Client,
    model: str,
    prompts: Prompts,
    origin: Origin,
    number: int,
    level: Level,
    halt: Halt,
) -> Record:
    """Warm up, measure one level, and make its record."""

    async def send(index: int) -> Answer:
        prompt = prompts.prompt(number, index)
        body = body_of(asked.target, model, prompt, asked.wanted, asked.temperature)
        return await client.answer(body, asked.wanted)

    async def send_warmup(index: int) -> Answer:
        return await send(level.requests + index)  # other prompts than those that are measured

    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    answers: list[Answer] = []
    cpu_seconds = None
    if level.warmup:
        warmed = (await load(send_warmup, level.for_warmup, asked.seed, halt)).answers
        if warmed and all(answer.kind in ("error", "timeout") for answer in warmed):
            problem, _ = Counter(answer.problem for answer in warmed).most_common(1)[0]
            halt.now(f"no request of the warm-up was answered: {problem}")
    if halt.reason is None:
        loaded = await load(send, level, asked.seed + number, halt)
        answers, cpu_seconds = loaded.answers, loaded.cpu_seconds
    summary = summary_of(level.requests, answers, asked.targets, cpu_seconds)
    return record_of(level, answers, summary, origin, started, halt.reason)


def _origin(asked: Asked, model: str, warnings: list[str]) -> Origin:
    conditions: dict[str, Condition] = {
        **asked.conditions,
        "endpoint": asked.target.endpoint,
        "temperature": asked.temperature,
    }
    if asked.listed is not None:
        conditions["prompts"] = asked.listed.words
    if not asked.wanted.exact:
        conditions["most new tokens"] = asked.wanted.new_tokens
    return Origin(
        model=asked.target.safe(model),
        conditions=conditions,
        wanted=asked.wanted,
        user=provenance.user(),
        host=platform.node() or None,
        versions=Versions(
            workshop=workshop.__version__,
            python=platform.python_version(),
            git_commit=provenance.git_commit(Path(workshop.__file__).parent),
        ),
        slurm=provenance.slurm_job(),
        warnings=warnings,
    )
