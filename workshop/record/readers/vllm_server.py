"""The log of a vLLM server, and the progress of offline generation with vLLM.

``Engine 000: Avg prompt throughput: 3530.8 tokens/s, Avg generation throughput: 700.6 tokens/s,
Running: 132 reqs, ...`` stands there every ten seconds; see ``server_log.py``. The progress bar of
``LLM.generate`` ends with the tokens/s since its start, of all prompts together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from workshop.record.readers.acceptance import acceptance
from workshop.record.readers.server_log import Mean, Server
from workshop.record.readers.serving_block import SERVED
from workshop.record.readers.source_settings import ENGINE, conditions, namespace
from workshop.record.readers.units import (
    LABELS,
    RUNS,
    capped,
    count,
    labelled,
    number,
    positive,
    words,
)
from workshop.record.results import Result

NAME = "vllm-server"
ANCHORS = (b"tokens/s, Avg generation throughput: ", b" LLM engine (v", b", est. speed input: ")
NEEDLES = (
    b"Avg generation throughput: ",
    b" LLM engine (v",
    b"SpecDecoding metrics: ",
    b"est. speed input: ",
)

_MOST_POSITIONS = 100
_INTERVAL = re.compile(
    r"(?:Engine (\d{1,6}): |\d{1,6} Engines Aggregated: )?Avg prompt throughput: [\d.]+ tokens/s, "
    r"Avg generation throughput: ([\d.]+) tokens/s, Running: (\d{1,9}) reqs, ",
    re.ASCII,
)
_CONFIG = re.compile(r" LLM engine \(v[^()\s]{1,80}\) with config: (.*)")
_SPECULATION = re.compile(
    r"SpecDecoding metrics: (?:Mean acceptance length: ([\d.]+), )?.{0,200}?"
    r"Accepted: (\d{1,12}) tokens, Drafted: (\d{1,12}) tokens"
    r"(?:, Per-position acceptance rate: ((?:[\d.]+, )+))?",
    re.ASCII,
)
_PROGRESS = re.compile(
    r"Processed prompts: +100%\|[^|]{0,400}\| (\d{1,9})/(\d{1,9}) \[[^\]]{0,60}"
    r"est\. speed input: [\d.]+ toks/s, output: ([\d.]+) toks/s\]",
    re.ASCII,
)


@dataclass
class _Log:
    """What a log has told so far.

    Attributes:
        config: of the engine that started last; it may be another process than its server.
        servers: by the process that writes of them.
        offline: the calls of ``LLM.generate``.
    """

    config: Mapping[str, str] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    offline: list[Result] = field(default_factory=list)


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The servers' runs in these lines; where there is none, the calls of offline generation."""
    log = _Log()
    for label, line in labelled(lines):
        _take(log, label, line)
    served = capped(run for server in log.servers.values() for run in server.results())
    return served or capped(log.offline)


def _take(log: _Log, label: str, line: str) -> None:
    if match := _CONFIG.search(line):
        log.config = namespace(f"({match[1]})")
    elif match := _INTERVAL.search(line):
        _interval(log, label, match)
    elif match := _SPECULATION.search(line):
        if (server := log.servers.get(label)) is not None:
            _speculation(server, match)
    elif (match := _PROGRESS.search(line)) and len(log.offline) <= RUNS:
        log.offline += _progress(log, match)


def _interval(log: _Log, label: str, match: re.Match[str]) -> None:
    if label not in log.servers:
        if len(log.servers) >= LABELS:
            return
        log.servers[label] = Server(
            NAME, words(log.config.get("model")), _dtype(log.config), conditions(log.config, ENGINE)
        )
    if (speed := number(match[2])) is not None:
        log.servers[label].add(match[1] or "", speed, count(match[3]))


def _dtype(config: Mapping[str, str]) -> str | None:
    return words(config.get("dtype", "").removeprefix("torch."))


def _speculation(server: Server, match: re.Match[str]) -> None:
    """Take what was accepted since the last line; lines with more guesses weigh more."""
    drafted = number(match[3])
    if not drafted:
        return
    shares = [share for share in (match[4] or "").split(", ") if share]
    found = acceptance(match[1], None, None, match[3], match[2], shares[:_MOST_POSITIONS])
    if found.mean_accepted is not None:
        server.accepted.add(found.mean_accepted, drafted)
    if found.acceptance_rate is not None:
        server.rate.add(found.acceptance_rate, drafted)
    for position, share in enumerate(found.acceptance_by_position or []):
        if position == len(server.positions):
            server.positions.append(Mean())
        server.positions[position].add(share, drafted)


def _progress(log: _Log, match: re.Match[str]) -> Iterator[Result]:
    speed = positive(match[3])
    requests = count(match[2])
    if speed is None or not requests or match[1] != match[2]:
        return
    yield Result(
        None,
        "ok",
        format="vllm-generate",
        tokens_per_second=speed,
        definition=SERVED,
        model=words(log.config.get("model")),
        dtype=_dtype(log.config),
        conditions={"requests": requests, **conditions(log.config, ENGINE)},
    )
