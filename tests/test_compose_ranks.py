"""Several ranks say what one says, whatever else is combined with them: real processes, by gloo."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from compose_runs import on, plain, said, write_models
from llm_builders import run_ranks

from workshop.stages.compose import COLUMNS, pairs, refusals
from workshop.stages.settings import Settings

QUANTIZE = ("none", "int8", "int4")
SPECULATE = ("none", "draft", "self", "prompt-lookup")
ATTENTION = ("sdpa", "math", "flash")  # flex takes seconds a run when it is not compiled
DRAWN = {"temperature": 0.8, "top_k": 40, "top_p": 0.9}


def combinations() -> list[Settings]:
    """Every combination of the stages' own options that composes on a CPU.

    Attention, adaptive k, steps in one graph and drawing go through their values meanwhile.
    """
    found = []
    attention, drawn = itertools.cycle(ATTENTION), itertools.cycle([True, False, False])
    turn = itertools.cycle([True, False])
    for quantize, speculate, fuse, batch in itertools.product(
        QUANTIZE, SPECULATE, (False, True), (1, 2)
    ):
        settings = plain(
            quantize=quantize,
            speculate=speculate,
            fuse=fuse,
            batch_size=batch,
            prompts=("Once there was a dog",) if batch > 1 else (),
        )
        if refusals(settings, "cpu"):
            continue
        kinds = {"attention": next(attention), **(DRAWN if next(drawn) else {})}
        if speculate == "none":
            found.append(replace(settings, decode_steps=2 if next(turn) else 1, **kinds))
        else:
            found.append(replace(settings, adaptive=next(turn), **kinds))
    return found


def with_ranks(ranks: int) -> list[Settings]:
    """What to run with so many ranks."""
    ours = [settings for _, other, settings in pairs("cpu") if other == "ranks"]
    rest = [settings for one, _, settings in pairs("cpu") if one == "ranks"]
    told = [s for s in ours + rest if not s.compile and s.attention != "flex"]
    return [replace(s, ranks=ranks) for s in combinations() + told]


def work(rank: int, ranks: int, directory: str) -> list[list[list[int]]]:
    return [said(on(Path(directory), s), rank, ranks) for s in with_ranks(ranks)]


@pytest.fixture(scope="module")
def models() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        write_models(Path(directory))
        yield Path(directory)


@functools.cache
def alone(directory: Path) -> list[Any]:
    """What one process says."""
    return [said(on(directory, s, ranks=1)) for s in with_ranks(1)]


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_say_what_one_says(models: Path, ranks: int) -> None:
    together = run_ranks(functools.partial(work, directory=str(models)), ranks)
    for i, settings in enumerate(with_ranks(ranks)):
        texts = [rank[i] for rank in together]
        assert all(text == texts[0] for text in texts), f"ranks say one thing: {settings}"
        # A rank's part of a row has int8 scales of its own: such a draft guesses a little otherwise
        # than one that is made of whole rows, and what is drawn hangs on the guesses.
        if settings.speculate != "self" or settings.temperature == 0:
            assert texts[0] == alone(models)[i], f"the text of one process: {settings}"


def test_the_combinations_are_many_and_different() -> None:
    found = combinations()
    assert len(found) == len({repr(settings) for settings in found})
    for name, values in (
        ("quantize", QUANTIZE),
        ("speculate", SPECULATE),
        ("attention", ATTENTION),
        ("fuse", (False, True)),
        ("batch_size", (1, 2)),
        ("adaptive", (False, True)),
        ("decode_steps", (1, 2)),
        ("temperature", (0.0, 0.8)),
    ):
        assert {getattr(settings, name) for settings in found} == set(values)
    assert set(COLUMNS) >= {"ranks", "batch", "fuse"}


def traced(rank: int, ranks: int, directory: str) -> dict[str, Any]:
    """A compiled run, whose graphs run as they were traced, for the sake of time."""
    from workshop.llm.compile import graph_breaks, graphs_compiled

    torch.compile = functools.partial(traced_only, torch.compile)
    text = said(on(Path(directory), COMPILED), rank, ranks)
    return {"said": text, "graphs": graphs_compiled(), "breaks": graph_breaks()}


def traced_only(compiler: Any, function: Any, options: Any = None, **how: Any) -> Any:
    return compiler(function, backend="eager", **how)


COMPILED = plain(compile=True, quantize="int8", fuse=True, ranks=2)


def test_compiled_ranks_say_it_in_whole_graphs_with_their_collectives(models: Path) -> None:
    eager = said(on(models, COMPILED, compile=False, ranks=1))
    for rank in run_ranks(functools.partial(traced, directory=str(models)), 2):
        assert rank == {"said": eager, "graphs": 2, "breaks": 0}, "prefill and decode"
