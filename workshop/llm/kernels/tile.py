"""How a product of a matrix and a vector is cut into programs."""

from __future__ import annotations

from dataclasses import dataclass

LOAD = 16  # bytes that a thread loads at once, the most there is
MOST_TOKENS = 8


@dataclass(frozen=True)
class Tile:
    """What one program does.

    Attributes:
        rows: outputs; each is one more load under way in every thread.
        lanes: threads side by side along a row, each with 16 bytes of it.
        split: programs that share a row.
    """

    rows: int
    lanes: int
    split: int


def tile_for(outputs: int, row_bytes: int, tokens: int, processors: int) -> Tile:
    """The tile of a weight [outputs, row_bytes] on a GPU of that many multiprocessors.

    1. 128 threads along a row, fewer where the row ends before; so a block of it is 2 KB.
    2. Four rows (two for more than four tokens, whose sums need registers), or as few as give
       every processor eight programs: what it can hold, and what keeps its loads under way.
    3. Where even single rows are too few, up to 8 programs share each, a block of it at least.
    """
    lanes = 128
    while lanes > 32 and LOAD * lanes > row_bytes:
        lanes //= 2
    wanted = 8 * processors
    rows = 4 if tokens <= 4 else 2
    while rows > 1 and outputs // rows < wanted:
        rows //= 2
    blocks = -(-row_bytes // (LOAD * lanes))
    split = 1
    while split < min(8, blocks) and outputs // rows * split < wanted:
        split *= 2
    return Tile(rows, lanes, min(split, blocks))


def padded(tokens: int) -> int:
    """The next power of two, which a tile's sides must be."""
    return 1 << (tokens - 1).bit_length()
