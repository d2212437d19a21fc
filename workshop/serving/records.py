"""The record of a level: a Result as every reader takes it, and the level's own numbers beside it.

A record's JSON has one key more than a Result, ``serving``, which readers of Results pass over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from workshop.record.results import Condition, Definition, Result, SlurmJob, Status, Versions
from workshop.serving.answers import Answer
from workshop.serving.load import Level
from workshop.serving.prompts import all_same
from workshop.serving.stream import Wanted
from workshop.serving.summary import Spread, Summary
from workshop.util.text import one_line

FORMAT = "serve-bench"
SERVED = Definition("new", "wall clock", "server")
RATE = "request rate, 1/s"  # as readers of other clients' logs name it
_BUSY = 0.8  # of a core, from where on the client may delay what it measures


@dataclass(frozen=True)
class Origin:
    """Where and with what a measurement is made; the same for all of its levels."""

    model: str
    conditions: dict[str, Condition]
    wanted: Wanted
    user: str | None = None
    host: str | None = None
    versions: Versions | None = None
    slurm: SlurmJob | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Record:
    """What one level leaves behind."""

    level: Level
    result: Result
    serving: Summary

    @property
    def values(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return {
            **msgspec.to_builtins(self.result),
            "serving": msgspec.to_builtins(self.serving),
        }

    @property
    def as_json(self) -> str:
        """One line."""
        return msgspec.json.encode(self.values).decode()


def record_of(
    level: Level,
    answers: Sequence[Answer],
    summary: Summary,
    origin: Origin,
    started: str,
    halted: str | None = None,
) -> Record:
    """The record of a level.

    Args:
        started: date and time, in ISO format.
        halted: why the level ended before all of its requests were sent.
    """
    whole = [answer for answer in answers if answer.kind == "answered"]
    status, reason = _status(summary, halted)
    conditions = dict(origin.conditions) | {"requests": level.requests}
    if level.rate is not None:
        conditions[RATE] = int(level.rate) if level.rate.is_integer() else level.rate
    result = Result(
        stage=None,
        status=status,
        reason=None if reason is None else one_line(reason, 400),
        format=FORMAT,
        definition=SERVED,
        tokens_per_second=summary.tokens_per_second,
        ttft_seconds=_mean(summary.ttft),
        tpot_seconds=_mean(summary.tpot),
        latency_seconds=_mean(summary.latency),
        latencies=[answer.seconds for answer in whole],
        latency_percentiles=dict(summary.latency.percentiles) if summary.latency else {},
        concurrency=level.concurrency,
        conditions=conditions,
        prompt_tokens=all_same([answer.prompt_tokens for answer in whole]),
        new_tokens=origin.wanted.new_tokens if origin.wanted.exact and whole else None,
        model=origin.model,
        host=origin.host,
        user=origin.user,
        started=started,
        versions=origin.versions,
        slurm=origin.slurm,
        warnings=[*origin.warnings, *_warnings(summary, answers, origin.wanted)],
    )
    return Record(level, result, summary)


def _status(summary: Summary, halted: str | None) -> tuple[Status, str | None]:
    sent = summary.requests - summary.unfinished
    if summary.answered == 0:
        problem = next(iter(summary.problems), None)
        if sent == 0 or problem is None:
            return "failed", halted or "no request was sent"
        return "failed", f"no request was answered whole: {problem}"
    if halted is not None:
        return "incomplete", f"{halted}, after {sent} of {summary.requests} requests"
    if summary.new_tokens is None:
        return "incomplete", (
            "the server reports no usage, so that tokens cannot be counted: tokens/s and TPOT are "
            "not known"
        )
    return "ok", None


def _mean(spread: Spread | None) -> float | None:
    return spread.mean if spread else None


def _warnings(summary: Summary, answers: Sequence[Answer], wanted: Wanted) -> Iterator[str]:
    sent = summary.requests - summary.unfinished
    if summary.answered:
        for problem, count in summary.problems.items():
            yield one_line(f"{count} of {sent} requests are not counted: {problem}", 300)
    if summary.short and wanted.exact:
        yield (
            "the server does not honour ignore_eos: with --no-ignore-eos, answers of any length "
            "count"
        )
    longer = sum(
        answer.kind == "answered" and (answer.new_tokens or 0) > wanted.new_tokens
        for answer in answers
    )
    if longer:
        yield f"{longer} answers have more than the {wanted.new_tokens} tokens that were asked for"
    if summary.cached_prompt_tokens:
        yield (
            f"the server took {summary.cached_prompt_tokens} tokens of the prompts from its prefix "
            "cache: TTFT does not include their prefill"
        )
    if summary.client_cpu is not None and summary.client_cpu > _BUSY:
        yield (
            f"the client used {summary.client_cpu:.0%} of a core: its own delay may be part of "
            "these times; spread the load over several clients"
        )
