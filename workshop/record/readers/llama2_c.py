"""llama2.c: one line, after the text, that may stand at the end of the text's last line.

    achieved tok/s: 53.827751

It feeds the prompt token by token as it does its own, and counts those too; the time starts after
the first pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from workshop.record.readers.decimals import with_points
from workshop.record.readers.units import LONGEST, capped, positive
from workshop.record.results import Definition, Result

NAME = "llama2.c"
NEEDLES = (b"achieved tok/s: ",)

PROMPT_TOO = Definition("prompt and new", "prefill and decode", "sequence")

_SPEED = re.compile(r"achieved tok/s: +(\S{1,40})\s*$", re.ASCII)


def results(lines: Iterable[str], file_name: str) -> list[Result]:
    """The runs in these lines: one a line."""
    return capped(_runs(with_points(lines)))


def _runs(lines: Iterable[str]) -> Iterator[Result]:
    for line in lines:
        match = _SPEED.search(line) if len(line) <= LONGEST else None
        if match is None:
            continue
        speed = positive(match[1])
        yield Result(
            None,
            "ok" if speed is not None else "incomplete",
            reason=None if speed is not None else "its tokens per second are not a number",
            format=NAME,
            tokens_per_second=speed,
            definition=PROMPT_TOO,
        )
