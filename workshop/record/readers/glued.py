"""Lines that were printed behind something without a newline: a progress bar, a row of dots.

tqdm ends no line while it counts, so what Slurm says when it ends a job stands behind the bar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# tqdm's end, with or without its postfix: `634.30s/it]`, `?it/s]`, `210MB/s, loss=0.1]`
_TQDM = re.compile(r"(?:/s|/it|s/[A-Za-z]{1,20})(?:, [^\[\]]{0,200})?\]\s*")
_SLURM = re.compile(r"(?:slurmstepd(?:-[\w.-]{1,64})?|slurmd|srun): |\[[^\[\]]|\berror: ")
_STAMPED = re.compile(r"\[[^\[\]]{1,120}(?:\[[^\[\]]{0,16}\][^\[\]]{0,60})?\] error: ")
# What a program prints while it works: 45%, 450/1000, a row of dots, a bar.
_WORKING = re.compile(r"(?:\d ?%|\d/\d+|\.\.\.|[\]\u2501\u2588])\s*\Z")
_QUOTES = "\"'`([{<\u201c\u2018"
_INTRODUCES = ",;:>\u2019\u201d" + _QUOTES  # the last character of a text before what it quotes
# The whole of what Slurm says when it ends a job or a step: too long to be there by chance
_WHOLE = re.compile(
    r"(?:slurmstepd(?:-[\w.-]{1,64})?: |\[[^\[\]]{1,120}(?:\[[^\[\]]{0,16}\][^\[\]]{0,60})?\] )"
    r"error: \*\*\* (?:JOB|STEP) \S{1,64} ON \S{1,64} CANCELLED AT "
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,12}(?: (?i:DUE TO) [^*]{1,100})? \*\*\*\s*"
)
_MOST = 8  # places in a line that are tried
_SEEN = 40  # characters before such a place that are looked at


def behind(line: str) -> Iterator[str]:
    """What may be a line of its own within this one; nothing for the most."""
    if "]" in line and ("/s" in line or "/it" in line or "s/" in line):
        *_, last = [0, *(match.end() for match in _TQDM.finditer(line))]
        if 0 < last < len(line):
            yield line[last:]
    if "error: " not in line and "srun: " not in line and "slurmstepd" not in line:
        return
    tried = 0
    for match in _SLURM.finditer(line, 1):
        if tried == _MOST:
            return
        start = match.start()
        if match[0][0] == "[" and _STAMPED.match(line, start) is None:
            continue
        tried += 1
        before = line[max(0, start - _SEEN) : start]
        quoted = before[-1].isspace() or before[-1] in _QUOTES
        if not quoted or _WORKING.search(before) is not None or _is_whole(line, start, before):
            yield line[start:]


def _is_whole(line: str, start: int, before: str) -> bool:
    """Whether the rest of a line is all that Slurm says of an end, and no sentence quotes it."""
    if not before[-1].isspace() or _WHOLE.fullmatch(line, start) is None:
        return False
    shown = before.rstrip()
    in_quotes = any(line.count(mark, 0, start) % 2 for mark in '"`')
    return not in_quotes and (not shown or shown[-1] not in _INTRODUCES)
