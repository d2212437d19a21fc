"""What ``vllm bench`` prints: serve, throughput and latency, and their scripts before it.

A serving block opens and closes with a line of its own. One that was not closed was cut off, maybe
in the middle of its last number, so that one is not taken. The mean latency of a batch becomes
tokens/s only beside the line ``Namespace(...)``, which tells how many tokens the batch had.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from workshop.record.readers.units import LABELS, capped, count, labelled, positive, seconds, words
from workshop.record.results import Definition, Result

NAME = "vllm"
ANCHORS = (b"Serving Benchmark Result ", b"Throughput: ", b"Avg latency: ", b"Namespace(")
NEEDLES = (
    b"Serving Benchmark Result ",
    b"=" * 48,
    b"Backend: ",
    b"Successful requests: ",
    b"Failed requests: ",
    b"Output token throughput (tok/s)",
    b"Mean TTFT (ms)",
    b"Mean TPOT (ms)",
    b"Throughput: ",
    b"Avg latency: ",
    b"% percentile latency: ",
    b"Namespace(",
)

SERVED = Definition("new", "wall clock", "server")
SERVED_WITH_PROMPTS = Definition("prompt and new", "wall clock", "server")
GENERATED = Definition("new", "prefill and decode", "batch")
NO_REQUEST = "no request succeeded"
NO_LENGTHS = (
    "the latency of a batch alone tells no tokens/s: it does not say how many tokens there were"
)

_OPEN = re.compile(r"=+ Serving Benchmark Result =+\s*")
_CLOSE = re.compile(r"={48,}\s*")
_FIELD = re.compile(
    r"(Backend|Successful requests|Failed requests|Output token throughput \(tok/s\)"
    r"|Mean TTFT \(ms\)|Mean TPOT \(ms\)):\s+(\S+)\s*"
)
_THROUGHPUT = re.compile(
    r"Throughput: (\S+) requests/s, (\S+) (?:total )?tokens/s(?:, (\S+) output tokens/s)?\s*"
)
_LATENCY = re.compile(r"Avg latency: (\S+) seconds\s*")
_PERCENTILE = re.compile(r"\d+% percentile latency: \S+ seconds\s*")
_ARGUMENTS = re.compile(r"Namespace\(.*\)\s*")
_ARGUMENT = re.compile(
    r"[( ](model|batch_size|input_len|output_len|n|num_iters|num_prompts)="
    r"(?:'([^']*)'|(\w+))(?=[,)])"
)
_BEAMS = "use_beam_search=True"


@dataclass
class _Rank:
    """What one rank's lines have told so far.

    Attributes:
        arguments: of the last ``Namespace(...)`` that no run has followed yet.
        block: the fields of an open serving block; None outside of one.
        model: that block's.
        latency: a mean that no percentile has followed yet.
    """

    arguments: dict[str, str] = field(default_factory=dict)
    block: dict[str, str] | None = None
    model: str | None = None
    latency: str | None = None


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs in these lines."""
    return capped(_runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    ranks: dict[str, _Rank] = {}
    for label, line in labelled(lines):
        if label in ranks or len(ranks) < LABELS:
            rank = ranks.setdefault(label, _Rank())
            yield from (run for run in (_serving(rank, line), _offline(rank, line)) if run)
    yield from (_cut_off(rank) for rank in ranks.values() if rank.block is not None)


def _serving(rank: _Rank, line: str) -> Result | None:
    """Take a line of a serving block; the run that it ends."""
    if _OPEN.fullmatch(line):
        before = _cut_off(rank) if rank.block is not None else None
        rank.block, rank.model, rank.arguments = {}, rank.arguments.get("model"), {}
        return before
    if rank.block is None:
        return None
    if _CLOSE.fullmatch(line):
        run = _served(rank.block, rank.model)
        rank.block = None
        return run
    if match := _FIELD.fullmatch(line):
        rank.block.setdefault(match[1], match[2])
    return None


def _offline(rank: _Rank, line: str) -> Result | None:
    """Take a line of the two offline benchmarks; the run that it ends."""
    if _ARGUMENTS.fullmatch(line):
        rank.arguments = _arguments(line)
        return None
    if match := _THROUGHPUT.fullmatch(line):
        run = _throughput(match[2], match[3], rank.arguments)
    elif match := _LATENCY.fullmatch(line):
        rank.latency = match[1]
        if "num_iters" not in rank.arguments:
            return None
        run = _latency(rank.latency, rank.arguments)
    elif rank.latency is not None and _PERCENTILE.fullmatch(line):
        # Others print a mean latency too, but not these lines after it.
        run = _latency(rank.latency, {})
    else:
        return None
    rank.arguments, rank.latency = {}, None
    return run


def _arguments(line: str) -> dict[str, str]:
    """The arguments of a benchmark that matter; none of another program's."""
    found = {match[1]: match[2] or match[3] or "" for match in _ARGUMENT.finditer(line)}
    if not found.keys() & {"num_iters", "num_prompts"}:
        return {}
    if _BEAMS in line:
        found.pop("n", None)  # how many tokens beams count for is not known
    return found


def _cut_off(rank: _Rank) -> Result:
    fields = dict(list((rank.block or {}).items())[:-1])
    run = _served(fields, rank.model)
    return replace(run, status="incomplete", reason="the block of results is cut off")


def _served(fields: dict[str, str], model: str | None) -> Result:
    """The run of a serving block, from its fields as they are printed."""
    run = server_run(
        model=words(model),
        completed=count(fields.get("Successful requests")),
        failed=count(fields.get("Failed requests")),
        speed=positive(fields.get("Output token throughput (tok/s)")),
        ttft=seconds(fields.get("Mean TTFT (ms)"), "ms"),
        tpot=seconds(fields.get("Mean TPOT (ms)"), "ms"),
    )
    # SGLang's benchmark began as a copy of this one; its block names what it was run against.
    return replace(run, format="sglang-serve") if "Backend" in fields else run


def server_run(
    model: str | None,
    completed: int | None,
    failed: int | None,
    speed: float | None,
    ttft: float | None,
    tpot: float | None,
) -> Result:
    """A run of requests against a server. Where none succeeded, its numbers mean nothing."""
    plain = Result(None, "ok", format="vllm-serve", definition=SERVED, model=model)
    if completed == 0:
        return replace(plain, status="failed", reason=NO_REQUEST)
    run = replace(
        plain,
        tokens_per_second=speed,
        ttft_seconds=ttft,
        tpot_seconds=tpot,
        warnings=[f"{failed} of its requests failed"] if failed else [],
    )
    if speed is None:
        return replace(run, status="incomplete", reason="there is no output token throughput")
    return run


def _throughput(total: str, output: str | None, arguments: dict[str, str]) -> Result:
    """Older versions print one speed alone, and that one counts the prompts' tokens as well."""
    speed = positive(total if output is None else output)
    return Result(
        None,
        "failed" if speed is None else "ok",
        reason="its throughput is not a number" if speed is None else None,
        format="vllm-throughput",
        tokens_per_second=speed,
        definition=SERVED_WITH_PROMPTS if output is None else SERVED,
        model=words(arguments.get("model")),
    )


def _latency(mean: str, arguments: dict[str, str]) -> Result:
    """Every sequence of a batch has just as many new tokens here: the benchmark ignores the end."""
    batch = count(arguments.get("batch_size"))
    new = count(arguments.get("output_len"))
    sequences = count(arguments.get("n"))
    took = seconds(mean)
    speed = batch * sequences * new / took if batch and sequences and new and took else None
    return Result(
        None,
        "ok" if took is not None else "failed",
        reason=_why_no_speed(took, speed),
        format="vllm-latency",
        tokens_per_second=positive(speed),
        definition=GENERATED,
        batch_size=batch,
        prompt_tokens=count(arguments.get("input_len")),
        new_tokens=new,
        model=words(arguments.get("model")),
    )


def _why_no_speed(took: float | None, speed: float | None) -> str | None:
    if took is None:
        return "its latency is not a number"
    return NO_LENGTHS if positive(speed) is None else None
