"""Whether a model can be split over the ranks of a job, by its config.json: no torch is imported.

The engine decides (``llm/ranks/part.py: check_divides``); this asks it at the prompt, and not after
hours in the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from workshop.llm.config import Config, ConfigError, read_config
from workshop.llm.errors import EngineError
from workshop.llm.shapes import SHAPES
from workshop.roofline.widths import is_tiny
from workshop.slurm.job.request import Wishes
from workshop.stages.settings import Settings
from workshop.tiny.copies import WEIGHTS, copies_of
from workshop.util.errors import UsageError

CONFIG = "config.json"
RANDOM = "random:"


def check_split(settings: Settings, wishes: Wishes, asked: int | None) -> None:
    """Refuse ranks over which the model cannot be split, and name the nearest that work.

    Args:
        settings: with the ranks that the job has, and a model that is there.
        wishes: from which ``with_ranks`` took the ranks.
        asked: what ``--ranks`` says.

    Raises:
        UsageError: the model's heads do not go round.
    """
    config = shape_of(settings.model) if settings.ranks > 1 else None
    if config is None or fits(config, settings.ranks, group_size(settings)):
        return
    raise UsageError(
        f"{problem(config, settings.ranks)}: {nearest(config, settings, wishes, asked)}"
    )


def shape_of(model: str) -> Config | None:
    """The shape of what ``--model`` names; None where its config.json cannot be read."""
    try:
        if is_tiny(model):
            return read_config(WEIGHTS / "verifier" / CONFIG).widened(copies_of(model))
        if model.startswith(RANDOM):
            return SHAPES.get(model.removeprefix(RANDOM))
        directory = Path(model).expanduser()
        if not (directory / CONFIG).is_file():  # a model in the cache of the Hugging Face hub
            from workshop.llm.weights.folder import find_checkpoint  # imports torch

            directory = find_checkpoint(directory)
        return read_config(directory / CONFIG)
    except (ConfigError, EngineError, OSError):
        return None


def group_size(settings: Settings) -> int:
    """Inputs of an int4 group, of the model or of its own copy that drafts for it; 1 for none."""
    int4 = settings.quantize == "int4"
    own_draft = settings.speculate == "self" and settings.quantize == "int8"
    return settings.group_size if int4 or own_draft else 1


def fits(config: Config, ranks: int, group: int = 1) -> bool:
    """Whether the model can be split; ``group`` is the size of int4 groups, 1 for none."""
    heads = config.heads % ranks == 0
    shared = config.kv_heads % ranks == 0 or ranks % config.kv_heads == 0
    if group == 1 or not (heads and shared and config.hidden >= ranks):
        return heads and shared and config.hidden >= ranks
    from workshop.llm.ranks.part import check_divides  # imports torch

    try:
        check_divides(config, ranks, group)
    except EngineError:
        return False
    return True


def problem(config: Config, ranks: int) -> str:
    """What does not go round."""
    if config.heads % ranks:
        return f"the model's heads ({config.heads}) do not split evenly over {ranks} ranks"
    if config.kv_heads % ranks and ranks % config.kv_heads:
        return (
            f"the model's key and value heads ({config.kv_heads}) do not split evenly over {ranks} "
            "ranks"
        )
    return f"the model's layers do not split into {ranks} parts"


def nearest(config: Config, settings: Settings, wishes: Wishes, asked: int | None) -> str:
    """What to type in place of it: the next smaller number that works, and a larger one as near."""
    group, ranks, nodes = group_size(settings), settings.ranks, wishes.nodes
    below = next(fitting(config, range(ranks - 1, 0, -1), group, nodes), None)
    above = next(fitting(config, range(ranks + 1, 2 * ranks + 1), group, nodes), None)
    if below is not None and above is not None and above - ranks > ranks - below:
        above = None
    numbers = [number for number in (below, above) if number is not None]
    if not numbers:
        least = next(fitting(config, range(ranks, 0, -1), group, 1), 1)
        return f"use --nodes 1 --ranks {least}"
    return "use " + " or ".join(option(number, wishes, asked) for number in numbers)


def fitting(config: Config, numbers: Iterable[int], group: int, nodes: int) -> Iterator[int]:
    """Of these numbers of ranks, those that work and spread evenly over the nodes."""
    return (number for number in numbers if number % nodes == 0 and fits(config, number, group))


def option(ranks: int, wishes: Wishes, asked: int | None) -> str:
    """The option that the number of ranks came from, with another number."""
    if asked is None and wishes.gpus_per_node:
        return f"--gpus-per-node {ranks // wishes.nodes}"
    if asked is None and wishes.gpus:
        return f"--gpus {ranks}"
    return f"--ranks {ranks}"
