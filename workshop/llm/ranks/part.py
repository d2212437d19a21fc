"""Which part of every weight a rank holds, under tensor parallelism.

By output rows (column-parallel: q, k, v by heads; gate and up) or by input columns (row-parallel:
o and down); embedding, norms and head are whole on every rank. Where there are fewer key heads
than ranks, each is held by several: the query heads of a rank never need more than it has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from workshop.llm.config import Config
from workshop.llm.errors import EngineError
from workshop.llm.quantization.int4 import group_size_for

COLUMN = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
ROW = ("o_proj", "down_proj")


class ParallelError(EngineError, ValueError):
    """A model that cannot be split over that many ranks; the message says why."""


@dataclass(frozen=True)
class Part:
    """The share of one of ``ranks`` ranks."""

    rank: int = 0
    ranks: int = 1


WHOLE = Part()


@dataclass(frozen=True)
class Slice:
    """``start`` to ``stop`` of a weight [out, in] along ``dim``: 0 are outputs, 1 inputs."""

    dim: int
    start: int
    stop: int


def check_divides(config: Config, ranks: int, group_size: int = 1) -> None:
    """Whether heads, MLP and groups of int4 inputs (of 1: not int4) can be split.

    Raises:
        ParallelError: they cannot.
        GroupError: the inputs make no whole groups even on one rank.
    """
    if config.heads % ranks:
        raise ParallelError(
            f"the model's heads ({config.heads}) do not split evenly over {ranks} ranks"
        )
    if config.kv_heads % ranks and ranks % config.kv_heads:
        raise ParallelError(
            f"the model's kv_heads ({config.kv_heads}) neither split evenly over {ranks} ranks "
            "nor can each be held by as many ranks as any other"
        )
    if config.hidden < ranks:
        raise ParallelError(f"the model's MLP ({config.hidden}) is too small for {ranks} ranks")
    for rank in range(ranks if group_size > 1 else 0):
        for name, where in (("o_proj", "attention"), ("down_proj", "MLP")):
            kept = slice_of(name, config, Part(rank, ranks))
            whole = config.heads * config.head_dim if name == "o_proj" else config.hidden
            size = group_size_for(whole, group_size)
            if kept is not None and (kept.start % size or kept.stop % size):
                raise ParallelError(
                    f"a rank's {kept.stop - kept.start} inputs of the {where} do not make whole "
                    f"groups of {size}: use a smaller group size or fewer ranks"
                )


def kv_heads_of(config: Config, ranks: int) -> int:
    """Key and value heads that a rank holds: its share, or one that others hold as well."""
    return max(1, config.kv_heads // ranks)


def slice_of(name: str, config: Config, part: Part) -> Slice | None:
    """The part of the linear layer ``name`` (its last word counts); None: all of it.

    The config must have passed ``check_divides``.
    """
    kind = name.rpartition(".")[2]
    if part.ranks == 1 or (kind not in COLUMN and kind not in ROW):
        return None
    if kind in ("k_proj", "v_proj"):
        size = kv_heads_of(config, part.ranks) * config.head_dim
        start = part.rank * config.kv_heads // part.ranks * config.head_dim
        return Slice(0, start, start + size)
    start, stop = (
        heads_of(config, part) if kind in ("q_proj", "o_proj") else mlp_share(config, part)
    )
    return Slice(0 if kind in COLUMN else 1, start, stop)


def heads_of(config: Config, part: Part) -> tuple[int, int]:
    """A rank's query heads, as rows of q."""
    size = config.heads // part.ranks * config.head_dim
    return part.rank * size, (part.rank + 1) * size


def mlp_share(config: Config, part: Part) -> tuple[int, int]:
    """A rank's part of the MLP's width: even, or in pieces that kernels like, one more or less."""
    unit = 1 if config.hidden % part.ranks == 0 else math.gcd(config.hidden, 128)
    if config.hidden // unit < part.ranks:
        unit = 1
    start, stop = (
        rank * (config.hidden // unit) // part.ranks for rank in (part.rank, part.rank + 1)
    )
    return start * unit, stop * unit
