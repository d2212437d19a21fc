"""The lines of a gpt-fast log in blocks of bytes, without a Python object for each line.

What the tool prints of itself comes in a few fixed shapes, several lines at a time, and numbers are
taken from the bytes where they stand. Of all other lines only those are looked at that have a colon
or an equals sign, as each line of the format does, and they are left to ``gpt_fast_lines.said``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workshop.record.readers.gpt_fast_lines import STARTS, Kind, said
from workshop.record.readers.gpt_fast_runs import Footer, Header, Ranks, Stream
from workshop.record.readers.lines import visible

_OURS = b"First token after"  # the one line that has neither sign
# Put together by their first letters: the fewer branches, the faster.
_BY_LETTER = [
    first + "(?:" + "|".join(re.escape(one[1:]) for one in STARTS if one[0] == first) + ")"
    for first in dict.fromkeys(one[0] for one in STARTS)
]
_NEEDLE = re.compile("|".join(_BY_LETTER).encode())
_NEAR = 128  # bytes that are searched for a needle where a line has a sign, and at most
_FAR = 4096  # where many have

# At most eleven digits before the point: a number that something can have measured.
_NUMBER = rb"([0-9]{1,11}+\.[0-9]{1,11}+)"
_COUNT = rb"([0-9]{1,9}+)"
_SHAPES = re.compile(
    # A sample, with its bandwidth if that is on the next line
    rb"Time for inference ([0-9]{1,6}+): [0-9]{1,11}+\.[0-9]{1,11}+ sec total, "
    + _NUMBER
    + rb" tokens/sec\n"
    rb"(?:Bandwidth achieved: " + _NUMBER + rb" GB/s\n(?:FLOPS achieved: [0-9.]{1,20} TF/s\n)?)?"
    # The footer, from the rule on
    rb"|==========\n(?:Acceptance probs: \[[0-9., e-]*\]\n)?"
    rb"(?:Mean Accepted: " + _NUMBER + rb"\n)?"
    rb"(?:Batch Size: " + _COUNT + rb"\n)?"
    rb"(?:Prompt Length: " + _COUNT + rb"\n)?"
    rb"(?:Generated tokens: " + _COUNT + rb"\n)?"
    rb"(?:Average tokens/sec: " + _NUMBER + rb"\n)?"
    rb"(?:Memory used: " + _NUMBER + rb" GB\n)?()"
    # The header
    rb"|Using device=([\w:.-]{1,40})\n(?:Loading model \.\.\.\n)?"
    rb"(?:Using int[48] weight-only quantization!\n)?"
    rb"(?:Applying tensor parallel to model \.\.\.\n)?"
    rb"(?:Time to load model: " + _NUMBER + rb" seconds\n)?"
    rb"(?:Compilation time: " + _NUMBER + rb" seconds\n)?()"
)
# The last group that matched tells which it was.
_SAMPLE = 2
_WHOLE_SAMPLE = 3  # with its bandwidth
_FOOTER = 10
_FOOTER_KINDS: tuple[Kind, ...] = (
    "accepted",
    "batch",
    "prompt",
    "generated",
    "average",
    "memory",
)


def hear(ranks: Ranks, blocks: Iterable[bytes]) -> None:
    """Hear what the log in these blocks says; each of them ends where a line does."""
    for block in blocks:
        if _OURS in block:
            _hear_lines(ranks, block)
            if ranks.ours:
                break
        else:
            _hear_block(ranks, block if block.endswith(b"\n") else block + b"\n")


def _hear_lines(ranks: Ranks, block: bytes) -> None:
    for line in block.split(b"\n"):
        if _NEEDLE.search(line):
            _hear_line(ranks, line)


def _hear_line(ranks: Ranks, line: bytes) -> None:
    for one in said(visible(line.decode(errors="replace"))):
        ranks.hear(one)


def _hear_block(ranks: Ranks, block: bytes) -> None:
    """Go from one of the two signs to the next."""
    find, back, shape, needle = block.find, block.rfind, _SHAPES.match, _NEEDLE.search
    stream: Stream | None = None  # not before it says something: it begins with what was heard
    beyond = len(block)
    reach = _NEAR
    at = 0  # where a line begins, before which all was heard
    colon = equals = -1  # the first of each from there on
    while True:
        if colon < at and (colon := find(b":", at)) < 0:
            colon = beyond
        if equals < at and (equals := find(b"=", at)) < 0:
            equals = beyond
        sign = colon if colon < equals else equals
        if sign == beyond:
            return
        start = back(b"\n", at, sign) + 1 or at
        match = shape(block, start)
        if match is not None and stream is None:
            stream = ranks.stream()
        if match is None or stream is None:
            end = find(b"\n", start + reach) + 1 or beyond
            found = needle(block, start, end)
            if found is None:  # a text with signs: look further ahead from now on
                at = end
                reach = min(2 * reach, _FAR)
                continue
            reach = _NEAR
            line = back(b"\n", start, found.start()) + 1
            if line > start:
                at = line
                continue
            at = find(b"\n", start) + 1
            _hear_line(ranks, block[start : at - 1])
            continue
        reach = _NEAR
        at = match.end()
        if match.lastindex == _WHOLE_SAMPLE:
            stream.whole_sample(int(match[1]), float(match[2]), float(match[3]))
        else:
            _take(stream, match)


def _take(stream: Stream, match: re.Match[bytes]) -> None:
    """Hear any other lines in one of the shapes."""
    if match.lastindex == _SAMPLE:
        stream.sample(int(match[1]), float(match[2]))
    elif match.lastindex == _FOOTER:
        footer: Footer = {"rule": None}
        for kind, value in zip(_FOOTER_KINDS, match.groups()[3:9], strict=True):
            if value is not None:
                footer[kind] = float(value)
        stream.whole_footer(footer)
    else:
        device, load, compiled = match.group(11, 12, 13)
        header: Header = {"device": device.decode()}
        if load is not None:
            header["load"] = float(load)
        if compiled is not None:
            header["compile"] = float(compiled)
        stream.whole_header(header)
