"""The lines of a gpt-fast log in blocks of bytes, without a Python object for each line.

What the tool prints of itself comes in a few fixed shapes, several lines at a time, and numbers are
taken from the bytes where they stand. Of all other lines only those are looked at that have a colon
or an equals sign, and they are left to ``gpt_fast_lines.said``. The few lines that have neither
come while a model is loaded, or have two bars.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from workshop.record.readers.gpt_fast_lines import STARTS, Kind, said
from workshop.record.readers.gpt_fast_runs import UNLABELLED, Footer, Header, Ranks, Stream
from workshop.record.readers.lines import visible

_OURS = b"First token after"  # of our own logs, and without a sign
_TORCHAO = b"| overall time "  # the same of torchao's


def _needle(starts: Sequence[str]) -> re.Pattern[bytes]:
    """Any of these; put together by their first letters: the fewer branches, the faster."""
    branches = [
        first + "(?:" + "|".join(re.escape(one[1:]) for one in starts if one[0] == first) + ")"
        for first in dict.fromkeys(one[0] for one in starts)
    ]
    return re.compile("|".join(branches).encode())


_ANY_NEEDLE = _needle(list(STARTS))
# Only torchao's samples begin so, and a capital S is frequent in a text.
_NEEDLE = _needle([start for start in STARTS if start != "Sample "])
_SIGNLESS = (b"Using int", b"Applying tensor parallel")  # of the needles, those without a sign
_NEAR = 128  # bytes that are searched for a needle where a line has a sign, and at most
_FAR = 4096  # where many have

# At most eleven digits before the point: a number that something can have measured.
_NUMBER = rb"[0-9]{1,11}+\.[0-9]{1,11}+"
_COUNT = rb"[0-9]{1,9}+"
_SHAPES = re.compile(
    # A sample, with its bandwidth if that is on the next line
    rb"Time for inference (?P<nth>[0-9]{1,6}+): [0-9]{1,11}+\.[0-9]{1,11}+ sec total, "
    rb"(?P<sample>" + _NUMBER + rb") tokens/sec\n"
    rb"(?:Bandwidth achieved: (?P<whole_sample>" + _NUMBER + rb") GB/s\n"
    rb"(?:FLOPS achieved: [0-9.]{1,20} TF/s\n)?)?"
    # The footer, from the rule on
    rb"|==========\n(?:Acceptance probs: \[(?P<probs>[0-9., e-]*)\]\n)?"
    rb"(?:Mean Accepted: (?P<accepted>" + _NUMBER + rb")\n)?"
    rb"(?:Batch Size: (?P<batch>" + _COUNT + rb")\n)?"
    rb"(?:Prompt Length: (?P<prompt>" + _COUNT + rb")\n)?"
    rb"(?:Generated tokens: (?P<generated>" + _COUNT + rb")\n)?"
    rb"(?:Average tokens/sec: (?P<average>" + _NUMBER + rb")\n)?"
    rb"(?:Memory used: (?P<memory>" + _NUMBER + rb") GB\n)?(?P<footer>)"
    # The header
    rb"|Using device=(?P<device>[\w:.-]{1,40})\n(?:Loading model \.\.\.\n)?"
    rb"(?:Using (?P<quantised>int[48]) weight-only quantization!\n)?"
    rb"(?:Applying (?P<parallel>tensor parallel) to model \.\.\.\n)?"
    rb"(?:Time to load model: (?P<load>" + _NUMBER + rb") seconds\n)?"
    rb"(?:Compilation time: (?P<compile>" + _NUMBER + rb") seconds\n)?(?P<header>)"
)
# The last group that matched tells which it was.
_SAMPLE = _SHAPES.groupindex["sample"]
_WHOLE_SAMPLE = _SHAPES.groupindex["whole_sample"]
_FOOTER = _SHAPES.groupindex["footer"]
_HEADER = _SHAPES.groupindex["header"]
_FOOTER_NUMBERS: tuple[Kind, ...] = (
    "accepted",
    "batch",
    "prompt",
    "generated",
    "average",
    "memory",
)
_HEADER_KINDS = ("device", "quantised", "parallel", "load", "compile")
_FOOTER_GROUPS = tuple(_SHAPES.groupindex[kind] for kind in _FOOTER_NUMBERS)
_HEADER_GROUPS = tuple(_SHAPES.groupindex[kind] for kind in _HEADER_KINDS)

# How a log ends that was stopped, in what follows the last sample.
_TAIL = 4096  # bytes
_STOPPED = re.compile(
    rb"Traceback \(most recent call last\)|CANCELLED|DUE TO TIME LIMIT|[Oo]ut [Oo]f [Mm]emory"
    rb"|slurmstepd: error|srun: error|KeyboardInterrupt|Segmentation fault"
    rb"|^(?:Killed|Terminated|Aborted)\b",
    re.M,
)


def hear(ranks: Ranks, blocks: Iterable[bytes]) -> None:
    """Hear what the log in these blocks says; each of them ends where a line does."""
    tail = b""
    for block in blocks:
        tail = (tail + block)[-_TAIL:] if len(block) < _TAIL else block[-_TAIL:]
        if _OURS in block or (b"|" in block and _TORCHAO in block):
            _hear_lines(ranks, block)
            if ranks.ours:
                break
        else:
            _hear_block(ranks, block if block.endswith(b"\n") else block + b"\n")
    ranks.stopped = _STOPPED.search(tail, max(tail.rfind(b"Time for inference"), 0)) is not None


def _hear_lines(ranks: Ranks, block: bytes) -> None:
    for line in block.split(b"\n"):
        if _ANY_NEEDLE.search(line):
            _hear_line(ranks, line)


def _hear_line(ranks: Ranks, line: bytes) -> None:
    for one in said(visible(line.decode(errors="replace"))):
        ranks.hear(one)


def _hear_block(ranks: Ranks, block: bytes) -> None:
    """Go from one sign to the next: to what has a known shape, and else to a line."""
    find, back, shape = block.find, block.rfind, _SHAPES.match
    beyond = len(block)
    at = 0  # where a line begins, before which all was heard
    colon = equals = -1  # the first of each from there on
    reach = _NEAR
    loading = True  # perhaps
    stream: Stream | None = None
    while True:
        if colon < at and (colon := find(b":", at)) < 0:
            colon = beyond
        if equals < at and (equals := find(b"=", at)) < 0:
            equals = beyond
        sign = colon if colon < equals else equals
        start = beyond if sign == beyond else back(b"\n", at, sign) + 1 or at
        if loading:
            if (signless := _signless(ranks, block, at, start)) >= 0:
                at = _hear_one(ranks, block, signless)
                continue
            loading = _is_loading(ranks)
        if sign == beyond:
            return
        match = shape(block, start)
        if match is None:
            at, reach = _hear_other(ranks, block, start, reach)
            loading = loading or reach == _NEAR
            continue
        at, reach = match.end(), _NEAR
        if stream is None:
            stream = ranks.stream()  # not before it says something: it begins with what was heard
        if stream is not None and match.lastindex == _WHOLE_SAMPLE:  # most of them
            stream.whole_sample(int(match[1]), float(match[2]), float(match[3]))
        elif stream is not None:
            _take(stream, match)
            loading = loading or match.lastindex == _HEADER


def _is_loading(ranks: Ranks) -> bool:
    streams = (ranks.streams.get(UNLABELLED), ranks.latest)
    return any(stream is not None and stream.is_loading for stream in streams)


def _signless(ranks: Ranks, block: bytes, at: int, end: int) -> int:
    """Where the first line without a sign begins that counts while a model is loaded; -1 if none.

    Such lines are searched for in what lies before the next line with a sign.
    """
    if at == end or not _is_loading(ranks):
        return -1
    places = [found for one in _SIGNLESS if (found := block.find(one, at, end)) >= 0]
    return block.rfind(b"\n", at, min(places)) + 1 or at if places else -1


def _hear_other(ranks: Ranks, block: bytes, start: int, reach: int) -> tuple[int, int]:
    """Hear the line at ``start`` if it has a needle, and skip what has none.

    Gives the beginning of the next line to hear, and how far ahead to search for a needle there.
    """
    end = block.find(b"\n", start + reach) + 1 or len(block)
    found = _NEEDLE.search(block, start, end)
    if found is None:  # a text with signs: look further ahead from now on
        return end, min(2 * reach, _FAR)
    line = block.rfind(b"\n", start, found.start()) + 1
    if line > start:
        return line, _NEAR
    return _hear_one(ranks, block, start), _NEAR


def _hear_one(ranks: Ranks, block: bytes, start: int) -> int:
    """Hear the line at ``start``; the beginning of the next one."""
    end = block.find(b"\n", start)
    _hear_line(ranks, block[start:end])
    return end + 1


def _take(stream: Stream, match: re.Match[bytes]) -> None:
    """Hear lines in any other of the shapes."""
    shape = match.lastindex
    if shape == _SAMPLE:
        stream.sample(int(match[1]), float(match[2]))
    elif shape == _FOOTER:
        stream.whole_footer(_footer(match))
    else:
        stream.whole_header(_header(match))


def _footer(match: re.Match[bytes]) -> Footer:
    footer: Footer = {"rule": None}
    probs, *numbers = match.group("probs", *_FOOTER_GROUPS)
    if probs is not None:
        footer["probs"] = probs.decode()
    for kind, value in zip(_FOOTER_NUMBERS, numbers, strict=True):
        if value is not None:
            footer[kind] = float(value)
    return footer


def _header(match: re.Match[bytes]) -> Header:
    device, quantised, parallel, load, compiled = match.group(*_HEADER_GROUPS)
    header: Header = {"device": device.decode()}
    if quantised is not None:
        header["quantised"] = quantised.decode()
    if parallel is not None:
        header["parallel"] = parallel.decode()
    if load is not None:
        header["load"] = float(load)
    if compiled is not None:
        header["compile"] = float(compiled)
    return header
