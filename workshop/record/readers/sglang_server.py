"""The log of an SGLang server: lines ``Decode batch, ... gen throughput (token/s): 22.4, ...``.

It stands there every few dozen steps; see ``server_log.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workshop.record.readers.acceptance import acceptance
from workshop.record.readers.prefixes import without_prefixes
from workshop.record.readers.server_log import Server
from workshop.record.readers.units import LABELS, LONGEST, capped, count, number
from workshop.record.results import Result

NAME = "sglang-server"
NEEDLES = (b"gen throughput (token/s): ",)

_RANK = re.compile(r"\b(DP\d{1,5})\b", re.ASCII)
_DECODE = re.compile(
    r"Decode batch[,.] #running-req: (\d{1,9}), (.{0,1000})gen throughput \(token/s\): ([\d.]+),",
    re.ASCII,
)
_LENGTH = re.compile(r"\baccept len: ([\d.]+),", re.ASCII)


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The run of the server that each rank's lines are of."""
    servers: dict[str, Server] = {}
    for line in lines:
        match = _DECODE.search(line) if len(line) <= LONGEST else None
        label, _ = without_prefixes(line) if match else ("", "")
        if match is None or (label not in servers and len(servers) >= LABELS):
            continue
        server = servers.setdefault(label, Server(NAME))
        rank = _RANK.search(line[: match.start()])
        running, speed = count(match[1]), number(match[3])
        if speed is not None:
            server.add(rank[1] if rank else "", speed, running)
        length = _LENGTH.search(match[2])
        accepted = acceptance(length=length[1]).mean_accepted if length else None
        if accepted is not None and running:
            server.accepted.add(accepted, running)
    return capped(run for server in servers.values() for run in server.results())
