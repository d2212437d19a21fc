"""A checkpoint with every channel repeated: more bytes to read, the same function.

Net2Net (Chen et al. 2016, https://arxiv.org/abs/1511.05641) widens a network without changing what
it computes; bert2BERT (Chen et al. 2022, https://arxiv.org/abs/2110.07143) does it to a
Transformer. With g copies, a linear layer y = W x becomes one that is given x' = (x, ..., x) and
gives y' = (y, ..., y):

    W'[r, c] = s[r, c] * W[r mod out],   s[r, 1] + ... + s[r, g] = 1

where r is a row of the g * out outputs and c one of the g copies of the inputs. Outputs are
repeated, and each input weight is split into shares that sum to one, so every copy of y is W x.
The shares are random, drawn for each weight of each row: with a number u of [0, 1/2) for each,

    s[r, c] = (1 + u[r, c] - u[r, c + 1]) / g,   and g + 1 stands for 1,

they lie within half of 1/g, and no two copies are equal, so nothing can be read once and used
twice. The last share is what the others, rounded to the stored type, leave of the weight: the sum
is off by the rounding of one share alone.

The rest follows. The embedding and the weights of the norms are repeated; RMSNorm takes the mean of
the same squares. Whole blocks of key and value heads are repeated with their query heads: query
head h of H still belongs to key head h * K // H, a head keeps its size, and RoPE its angles. The
head's inputs are split into shares and its outputs, the vocabulary, stay as they are, so a tied
head becomes one of its own.

The shares are drawn once, on a CPU, and computed there by additions and multiplications of single
numbers: the weights are the same for every device, every precision and every number of ranks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from workshop.llm.model import Llama
from workshop.llm.ranks.part import WHOLE, Part, Slice
from workshop.llm.weights import checkpoint
from workshop.llm.weights.fill import Make, empty, fill, needed, part_of
from workshop.llm.weights.random_weights import CPU, DRAWN

SEED = 0
SPREAD = 0.5  # of the numbers: a share is within this part of 1 / copies
BLOCK = 1 << 17  # weights computed at once: with what they are made of, they stay in a core's cache


def load_widened(
    directory: Path,
    copies: int,
    dtype: torch.dtype | None = None,
    device: torch.device = CPU,
    part: Part = WHOLE,
    make: Make | None = None,
) -> Llama:
    """The model in ``directory`` with ``copies`` of every channel; see ``checkpoint.load``.

    The shares are rounded to the type that the checkpoint is stored in, as if the widened model had
    been stored so, and then converted to ``dtype`` or quantised.

    Raises:
        CheckpointError: the checkpoint cannot be read, or is quantised.
        ParallelError: the model cannot be split over so many ranks.
        GroupError: ``make`` cannot quantise it.
    """
    config = checkpoint.shape(directory).widened(copies)
    model = empty(config)
    originals, shares = tensors(directory), Shares(copies)
    with one_thread():
        made = (
            (
                name,
                widened(
                    name,
                    original_of(name, originals),
                    shares,
                    part_of(name, like, config, part, make is not None),
                ),
            )
            for name, like in needed(model).items()
        )
        return fill(model, made, device, dtype, part, make)


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch compute on one core.

    Blocks that stay in its cache take a core microseconds; several would wait for each other
    longer than that, and far longer where other processes use the same cores.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def tensors(directory: Path) -> dict[str, Tensor]:
    """All tensors of an unquantised checkpoint by name, as they are stored.

    Raises:
        CheckpointError: it cannot be read, or is quantised.
    """
    how = checkpoint.quantization(directory)
    if how is not None:
        raise checkpoint.CheckpointError(
            f"{directory} is an {how} checkpoint, and only unquantised ones are widened"
        )
    wanted = needed(empty(checkpoint.shape(directory)))
    stored = checkpoint.find_tensors(
        directory, {checkpoint.on_disk(name): tensor for name, tensor in wanted.items()}
    )
    return {name: checkpoint.read_finite(stored[checkpoint.on_disk(name)]) for name in wanted}


def original_of(name: str, originals: Mapping[str, Tensor]) -> Tensor:
    """The stored tensor that a widened one is made of; a tied head's is the embedding."""
    return originals["embed_tokens.weight" if name not in originals else name]


class Shares:
    """Random numbers that split weights into ``copies`` shares each.

    About a million numbers are drawn and repeated. Their count is a prime and a row of a widened
    weight is never a multiple of it, so no two rows have the same shares.
    """

    def __init__(self, copies: int, seed: int = SEED) -> None:
        self.copies = copies
        drawn = torch.rand(DRAWN, generator=torch.Generator().manual_seed(seed)) * SPREAD
        self._numbers = torch.cat([drawn, drawn])  # a row may begin anywhere

    def split(self, weight: Tensor, rows: range, start: int) -> Tensor:
        """Shares [len(rows), copies, in] of rows of a weight [out, in], in the weight's type.

        Args:
            rows: of the widened weight, which repeats the rows of ``weight`` over and over.
            start: where in the numbers the shares of the whole widened weight begin.
        """
        outputs, inputs = weight.shape
        length = self.copies * inputs
        split = torch.empty(len(rows), self.copies, inputs, dtype=weight.dtype)
        at_once = max(1, min(BLOCK, DRAWN) // length)
        first = rows.start
        while first < rows.stop:
            # Up to where the rows of the weight begin anew.
            last = min(rows.stop, first + at_once, first + outputs - first % outputs)
            whole = weight[first % outputs :][: last - first].float()
            at = (start + first * length) % DRAWN
            numbers = self._numbers[at : at + (last - first) * length]
            self._fill(
                split[first - rows.start : last - rows.start],
                whole,
                numbers.view(-1, self.copies, inputs),
            )
            first = last
        return split

    def _fill(self, split: Tensor, whole: Tensor, numbers: Tensor) -> None:
        """Put the shares of rows [R, in], by numbers [R, copies, in], into [R, copies, in]."""
        shares = numbers[:, :-1] - numbers[:, 1:]
        shares += 1
        shares *= (whole / self.copies)[:, None]
        split[:, :-1] = shares
        left = whole.clone()
        for copy in range(self.copies - 1):
            left -= split[:, copy]
        split[:, -1] = left


def widened(name: str, original: Tensor, shares: Shares, kept: Slice | None = None) -> Tensor:
    """The tensor ``name`` of the widened model from the original one; of it, the part ``kept``."""
    if original.dim() == 1:
        return original.repeat(shares.copies)
    if name.startswith("embed_tokens."):
        return original.repeat(1, shares.copies)
    outputs = original.shape[0] * (1 if name.startswith("lm_head.") else shares.copies)
    rows = range(kept.start, kept.stop) if kept and kept.dim == 0 else range(outputs)
    split = shares.split(original, rows, zlib.crc32(name.encode()) % DRAWN).flatten(1)
    if kept is None or kept.dim == 0:
        return split
    return split[:, kept.start : kept.stop].contiguous()
