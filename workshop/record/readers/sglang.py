"""What SGLang's offline benchmarks print: ``bench_offline_throughput`` and ``bench_one_batch``.

A block of the former opens and closes with a line of its own, as a serving block does (vllm.py).
The latter runs a shorter warm-up first, under a heading of its own, which is no result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from workshop.record.readers import serving_block
from workshop.record.readers.units import LABELS, capped, count, labelled, positive, seconds
from workshop.record.results import Definition, Result

NAME = "sglang"
ANCHORS = (b" Offline Throughput Benchmark Result ", b"Prefill. latency: ")
NEEDLES = (
    *serving_block.NEEDLES,
    b"Offline Throughput Benchmark Result ",
    b"=" * 48,
    b"Warmup ...",
    b"Benchmark ...",
    b"Prefill. latency: ",
    b"Batch size: ",
    b"Decode.  median ",
    b"Total. latency: ",
)

DECODE_OF_BATCH = Definition("new", "decode", "batch")
NO_DECODE = "there is no median decode throughput: it was cut off, or made one token alone"

_OPEN = re.compile(r"=+ Offline Throughput Benchmark Result =+\s*")
_CLOSE = re.compile(r"={48,}\s*")
_PREFILL = re.compile(r"Prefill\. latency: +(\S+) s, throughput: +(\S+) token/s\s*")
_STEP = re.compile(
    r"Decode \d{1,9}\. Batch size: (\d{1,9}), latency: +\S+ s, throughput: +\S+ token/s\s*"
)
_DECODE = re.compile(r"Decode\.  median latency: +(\S+) s, median throughput: +(\S+) token/s\s*")
_TOTAL = re.compile(r"Total\. latency: +(\S+) s, throughput: +\S+ token/s\s*")


@dataclass
class _Rank:
    """What one rank's lines have told so far.

    Attributes:
        block: the fields of an open block; None outside of one.
        batch: a batch whose prefill was printed; None before it and after its total.
        warm_up: whether the batches that follow are one.
    """

    block: dict[str, str] | None = None
    batch: Result | None = None
    warm_up: bool = False


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs in these lines."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    ranks: dict[str, _Rank] = {}
    for label, line in labelled(lines):
        if label in ranks or len(ranks) < LABELS:
            rank = ranks.setdefault(label, _Rank())
            yield from _block(rank, line)
            yield from _batch(rank, line)
    for rank in ranks.values():
        yield from _batch_ended(rank, "the run is cut off")
        if rank.block is not None:
            yield _cut_off(rank.block)


def _block(rank: _Rank, line: str) -> Iterator[Result]:
    if _OPEN.fullmatch(line):
        if rank.block is not None:
            yield _cut_off(rank.block)
        rank.block = {}
    elif rank.block is not None and _CLOSE.fullmatch(line):
        yield throughput_run(serving_block.served(rank.block, None))
        rank.block = None
    elif rank.block is not None and (found := serving_block.field(line)):
        rank.block.setdefault(*found)


def throughput_run(run: Result) -> Result:
    """A run of the offline benchmark, whose numbers are those of a server without its network."""
    return replace(run, format="sglang-throughput")


def _cut_off(fields: dict[str, str]) -> Result:
    run = throughput_run(serving_block.served(dict(list(fields.items())[:-1]), None))
    return replace(run, status="incomplete", reason="the block of results is cut off")


def _batch(rank: _Rank, line: str) -> Iterator[Result]:
    if line.strip() in ("Warmup ...", "Benchmark ..."):
        yield from _batch_ended(rank, NO_DECODE)
        rank.warm_up = line.startswith("Warmup")
    elif match := _PREFILL.fullmatch(line):
        yield from _batch_ended(rank, NO_DECODE)
        rank.batch = one_batch_run(ttft=seconds(match[1]))
    elif rank.batch is None:
        return
    elif match := _STEP.fullmatch(line):
        rank.batch = replace(rank.batch, batch_size=count(match[1]))
    elif match := _DECODE.fullmatch(line):
        tpot, speed = seconds(match[1]), positive(match[2])
        rank.batch = replace(rank.batch, tpot_seconds=tpot, tokens_per_second=speed)
    elif match := _TOTAL.fullmatch(line):
        rank.batch = replace(rank.batch, latency_seconds=seconds(match[1]))
        yield from _batch_ended(rank, NO_DECODE)


def one_batch_run(ttft: float | None) -> Result:
    """A run of a single batch, of which the prefill is known."""
    return Result(
        None, "ok", format="sglang-one-batch", definition=DECODE_OF_BATCH, ttft_seconds=ttft
    )


def _batch_ended(rank: _Rank, without_decode: str) -> Iterator[Result]:
    """The batch that was being read, unless it was the warm-up's."""
    batch, rank.batch = rank.batch, None
    if batch is None or rank.warm_up:
        return
    if batch.tokens_per_second is None:
        batch = replace(batch, status="incomplete", reason=without_decode)
    yield batch
