"""What a launcher puts before each line of a log: ``srun --label`` a rank, others a host or a time.

Our own lines begin at the beginning of a line. In a log of labelled lines they do not, and a run
that was started so is a run all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from workshop.record.readers.prefixes import without_prefixes

OUR_LINE = b"WORKSHOP-"  # what a line that a program reads begins with
LONGEST_LABEL = 400  # bytes of all that stands before a line


def unlabelled(content: bytes) -> bytes:
    """A log without what stands before its lines, if that hides one of ours; else as it is."""
    if not any(behind_a_label(content, at) for at in places_of(content)):
        return content
    lines = content.decode("utf-8", "replace").split("\n")
    return "\n".join(map(bare, lines)).encode()


def places_of(content: bytes) -> Iterator[int]:
    """Where what our lines begin with stands, at the beginning of a line or not."""
    at = content.find(OUR_LINE)
    while at >= 0:
        yield at
        at = content.find(OUR_LINE, at + len(OUR_LINE))


def behind_a_label(content: bytes, at: int) -> bool:
    """Whether what stands before this place in its line is a label and nothing else."""
    nearest = max(0, at - LONGEST_LABEL)
    start = content.rfind(b"\n", nearest, at) + 1 or nearest
    at_beginning = start == 0 or content[start - 1 : start] == b"\n"
    before = content[start:at].decode("utf-8", "replace")
    return at_beginning and before != "" and bare(before) == ""


def bare(line: str) -> str:
    """The line without its labels; only the beginning of a long line is looked at."""
    head, rest = line[:LONGEST_LABEL], line[LONGEST_LABEL:]
    return without_prefixes(head)[1] + rest
