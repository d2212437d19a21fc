"""A tensor-parallel stage as a contender of benchmarks/stages.py: its ranks are processes.

They sleep in a read of a pipe until it is their turn, so that they take nothing from the others;
the process that asks them sleeps meanwhile.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import torch

from workshop.llm.ranks import parallel
from workshop.record.results import Sample
from workshop.runner.assemble import Place, assemble
from workshop.runner.measure import take_sample, warm_up
from workshop.runner.ranks.group import join
from workshop.runner.ranks.meeting import free_port
from workshop.runner.ranks.rank import Rank
from workshop.stages.settings import Settings


class Ranks:
    """The ranks of a run, warm."""

    def __init__(self, pipes: list[Connection]) -> None:
        self.pipes = pipes

    def sample(self, tokens: list[int]) -> Sample:
        """One generation from these token ids, as rank 0 times it."""
        for pipe in self.pipes:
            pipe.send(tokens)
        first, *_ = [pipe.recv() for pipe in self.pipes]
        return first


@contextmanager
def ranks_of(settings: Settings) -> Iterator[Ranks]:
    """Start the ranks, wait until all are warm, and end them."""
    context, port = multiprocessing.get_context("spawn"), free_port()
    pipes, processes = [], []
    for rank in range(settings.ranks):
        ours, theirs = context.Pipe()
        process = context.Process(target=one_rank, args=(rank, settings, port, theirs))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        for pipe in pipes:
            pipe.recv()
        yield Ranks(pipes)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join()


def one_rank(rank: int, settings: Settings, port: int, pipe: Connection) -> None:
    cpu = torch.device("cpu")
    join(Rank(rank, settings.ranks), port, cpu)
    place = Place(cpu, rank, settings.ranks)
    with torch.inference_mode():
        engine = assemble(settings, place)
        warm_up(settings, place, engine)
        pipe.send("warm")
        while True:
            try:
                tokens = pipe.recv()
            except EOFError:
                break
            pipe.send(take_sample(settings, place, engine, [tokens], seed=0))
    parallel.leave()
