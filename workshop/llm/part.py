"""Which part of every weight a rank holds, under tensor parallelism.

By output rows (column-parallel: q, k, v by heads; gate and up) or by input columns (row-parallel:
o and down); embedding, norms and head are whole on every rank. Where there are fewer key heads
than ranks, each is held by several: the query heads of a rank never need more than it has.
"""

from __future__ import annotations

from dataclasses import dataclass

from workshop.llm.config import Config

COLUMN = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
ROW = ("o_proj", "down_proj")


class ParallelError(ValueError):
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
    """Raises ParallelError where heads, MLP or groups of quantised inputs do not split evenly."""
    for name in ("heads", "hidden"):
        value = getattr(config, name)
        if value % ranks:
            raise ParallelError(
                f"the model's {name} ({value}) do not split evenly over {ranks} ranks"
            )
    if config.kv_heads % ranks and ranks % config.kv_heads:
        raise ParallelError(
            f"the model's kv_heads ({config.kv_heads}) neither split evenly over {ranks} ranks "
            "nor can each be held by as many ranks as any other"
        )
    for name, value in (("attention", config.heads * config.head_dim), ("MLP", config.hidden)):
        if value // ranks % group_size:
            raise ParallelError(
                f"a rank's {value // ranks} inputs of the {name} do not make whole groups of "
                f"{group_size}: use a smaller group size or fewer ranks"
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
    whole = config.heads * config.head_dim if kind in ("q_proj", "o_proj") else config.hidden
    size = whole // part.ranks
    return Slice(0 if kind in COLUMN else 1, part.rank * size, (part.rank + 1) * size)
