"""What ``vllm bench`` prints: serve, throughput and latency, and their scripts before it.

A serving block opens and closes with a line of its own. One that was not closed was cut off, maybe
in the middle of its last number, so that one is not taken. The mean latency of a batch becomes
tokens/s only beside the line ``Namespace(...)``, which tells how many tokens the batch had; newer
versions do not print it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from workshop.record.readers import serving_block
from workshop.record.readers.source_settings import (
    ENGINE,
    SAMPLING,
    conditions,
    load_conditions,
    namespace,
)
from workshop.record.readers.units import LABELS, capped, count, labelled, positive, seconds, words
from workshop.record.results import Condition, Definition, Result

NAME = "vllm"
ANCHORS = (b" Serving Benchmark Result ", b"Throughput: ", b"Avg latency: ", b"Namespace(")
NEEDLES = (
    *serving_block.NEEDLES,
    b"Serving Benchmark Result ",
    b"=" * 48,
    b"Throughput: ",
    b"Total num prompt tokens: ",
    b"Avg latency: ",
    b"% percentile latency: ",
    b"Namespace(",
    b"Burstiness factor: ",
)

GENERATED = Definition("new", "prefill and decode", "batch")
NO_LENGTHS = (
    "the latency of a batch alone tells no tokens/s: it does not say how many tokens there were"
)

_OPEN = re.compile(r"=+ Serving Benchmark Result =+\s*")
# What a serving benchmark prints before it begins; newer versions repeat some of it in the block.
_ANNOUNCED = re.compile(
    r"(Traffic request rate|Burstiness factor|Maximum request concurrency): (\S+)"
    r"(?: \([\w ]+\))?\s*"
)
_CLOSE = re.compile(r"={48,}\s*")
_THROUGHPUT = re.compile(
    r"Throughput: (\S+) requests/s, (\S+) (?:total )?tokens/s(?:, (\S+) output tokens/s)?\s*"
)
# After the line of the throughput benchmark; older versions do not print it.
_PROMPT_TOKENS = re.compile(r"Total num prompt tokens: +(\S+)\s*")
_LATENCY = re.compile(r"Avg latency: (\S+) seconds\s*")
_PERCENTILE = re.compile(r"(\d{1,2})% percentile latency: (\S+) seconds\s*", re.ASCII)
_ARGUMENTS = re.compile(r"(?:\w{1,40}=)?Namespace\(.*\)\s*")
_ARGUMENT_OF = {
    "Traffic request rate": "request_rate",
    "Burstiness factor": "burstiness",
    "Maximum request concurrency": "max_concurrency",
}
# Settings of the offline benchmarks that no field of a result holds.
_OFFLINE = {
    **ENGINE,
    **SAMPLING,
    "backend": "backend",
    "dataset_name": "dataset",
    "num_prompts": "requests",
    "async_engine": "async engine",
}


@dataclass
class _Latency:
    """The times of a batch, of which more lines may follow."""

    mean: str
    arguments: Mapping[str, str]
    percentiles: dict[str, float] = field(default_factory=dict)
    has_percentiles: bool = False


@dataclass
class _Rank:
    """What one rank's lines have told so far.

    Attributes:
        arguments: of the last ``Namespace(...)`` that no run has followed yet.
        block: the fields of an open serving block; None outside of one.
        announced: settings of a serving benchmark that was begun.
        block_arguments: the arguments of the open block's benchmark.
        latency: a mean whose percentiles are being read.
        throughput: a run that its prompts' tokens may follow.
    """

    arguments: dict[str, str] = field(default_factory=dict)
    block: dict[str, str] | None = None
    announced: dict[str, str] = field(default_factory=dict)
    block_arguments: Mapping[str, str] = field(default_factory=dict)
    latency: _Latency | None = None
    throughput: Result | None = None


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs in these lines."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    ranks: dict[str, _Rank] = {}
    for label, line in labelled(lines):
        if label in ranks or len(ranks) < LABELS:
            rank = ranks.setdefault(label, _Rank())
            found = (*_latency(rank, line), *_throughput(rank, line), _serving(rank, line))
            yield from (run for run in found if run)
    for rank in ranks.values():
        yield from _latency_ended(rank)
        if rank.throughput is not None:
            yield rank.throughput
    yield from (_cut_off(rank) for rank in ranks.values() if rank.block is not None)


def _serving(rank: _Rank, line: str) -> Result | None:
    """Take a line of a serving block; the run that it ends."""
    if _OPEN.fullmatch(line):
        before = _cut_off(rank) if rank.block is not None else None
        announced = {_ARGUMENT_OF[name]: value for name, value in rank.announced.items()}
        rank.block, rank.block_arguments = {}, {**announced, **rank.arguments}
        rank.announced, rank.arguments = {}, {}
        return before
    if rank.block is None:
        if match := _ANNOUNCED.fullmatch(line):
            rank.announced[match[1]] = match[2]
        return None
    if _CLOSE.fullmatch(line):
        run = _served(rank.block, rank.block_arguments)
        rank.block = None
        return run
    if found := serving_block.field(line):
        rank.block.setdefault(*found)
    return None


def _throughput(rank: _Rank, line: str) -> Iterator[Result]:
    """Take a line of the throughput benchmark, or the arguments of any; the run that it ends."""
    ended, rank.throughput = rank.throughput, None
    if ended is not None:
        match = _PROMPT_TOKENS.fullmatch(line)
        tokens = count(match[1]) if match else None
        if tokens:
            ended = replace(ended, conditions=ended.conditions | {"input tokens": tokens})
        yield ended
    if _ARGUMENTS.fullmatch(line):
        rank.arguments = _arguments(line)
    elif match := _THROUGHPUT.fullmatch(line):
        arguments, rank.arguments = rank.arguments, {}
        rank.throughput = _throughput_run(match[2], match[3], arguments)


def _latency(rank: _Rank, line: str) -> Iterator[Result]:
    """Take a line of the latency benchmark; the run before, if the line does not belong to it."""
    if rank.latency is not None and (match := _PERCENTILE.fullmatch(line)):
        rank.latency.has_percentiles = True
        if (took := seconds(match[2])) is not None:
            rank.latency.percentiles.setdefault(str(int(match[1])), took)
        return
    yield from _latency_ended(rank)
    if match := _LATENCY.fullmatch(line):
        # The arguments of a server's benchmark that did not finish are not this one's.
        own = rank.arguments if "num_iters" in rank.arguments else {}
        rank.latency, rank.arguments = _Latency(match[1], own), {}


def _latency_ended(rank: _Rank) -> Iterator[Result]:
    """The run of a mean latency; others print one too, but not its percentiles after it."""
    latency, rank.latency = rank.latency, None
    if latency is not None and (latency.has_percentiles or latency.arguments):
        yield _latency_run(latency)


def _arguments(line: str) -> dict[str, str]:
    """The arguments of a benchmark; none of another program's."""
    found = namespace(line)
    return found if found.keys() & {"num_iters", "num_prompts"} else {}


def _cut_off(rank: _Rank) -> Result:
    fields = dict(list((rank.block or {}).items())[:-1])
    run = _served(fields, rank.block_arguments)
    return replace(run, status="incomplete", reason="the block of results is cut off")


def _served(fields: Mapping[str, str], arguments: Mapping[str, str]) -> Result:
    run = serving_block.served(fields, words(arguments.get("model")), arguments.get("num_prompts"))
    concurrency = count(arguments.get("max_concurrency"))
    return replace(
        run,
        concurrency=run.concurrency or concurrency,
        conditions={**load_conditions(arguments), **run.conditions},
    )


def _throughput_run(total: str, output: str | None, arguments: Mapping[str, str]) -> Result:
    """Older versions print one speed alone, and that one counts the prompts' tokens as well."""
    speed = positive(total if output is None else output)
    with_prompts = output is None
    lengths = {"input_len": "input tokens a request", "output_len": "output tokens a request"}
    return Result(
        None,
        "failed" if speed is None else "ok",
        reason="its throughput is not a number" if speed is None else None,
        format="vllm-throughput",
        tokens_per_second=speed,
        definition=serving_block.SERVED_WITH_PROMPTS if with_prompts else serving_block.SERVED,
        model=words(arguments.get("model")),
        dtype=_dtype(arguments),
        conditions={
            **load_conditions(arguments),
            **_offline_conditions(arguments),
            **conditions(arguments, lengths),
        },
    )


def _latency_run(latency: _Latency) -> Result:
    """Every sequence of a batch has just as many new tokens here: the benchmark ignores the end."""
    arguments = latency.arguments
    batch = count(arguments.get("batch_size"))
    new = count(arguments.get("output_len"))
    # How many tokens beams count for is not known.
    beams = arguments.get("use_beam_search") == "True"
    sequences = None if beams else count(arguments.get("n"))
    took = seconds(latency.mean)
    speed = batch * sequences * new / took if batch and sequences and new and took else None
    return Result(
        None,
        "ok" if took is not None else "failed",
        reason="its latency is not a number" if took is None else None,
        format="vllm-latency",
        tokens_per_second=positive(speed),
        definition=GENERATED,
        latency_seconds=took,
        latency_percentiles=latency.percentiles,
        batch_size=batch,
        prompt_tokens=count(arguments.get("input_len")),
        new_tokens=new,
        model=words(arguments.get("model")),
        dtype=_dtype(arguments),
        conditions=_offline_conditions(arguments),
        warnings=[NO_LENGTHS] if took is not None and positive(speed) is None else [],
    )


def _offline_conditions(arguments: Mapping[str, str]) -> dict[str, Condition]:
    found = conditions(arguments, _OFFLINE)
    sequences = count(arguments.get("n"))
    return found if not sequences or sequences < 2 else found | {"sequences of a prompt": sequences}


def _dtype(arguments: Mapping[str, str]) -> str | None:
    name = words(arguments.get("dtype"))
    return None if name in (None, "auto") else name
