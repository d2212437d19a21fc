"""Every exercise: its checks tell right from wrong, as its author promises."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from unhurried import unhurried

from workshop.cli import cli
from workshop.judge.judge import ForkServer, fork_server, wait_until_ready
from workshop.learn.exercise import exercises
from workshop.learn.verify import verify

__all__ = ["unhurried"]  # a fixture

SEEDS = 5  # on which every known answer is judged; 'workshop exercises verify --seeds 200' has more
SLOW = ("attention", "capstone", "compile", "tensor-parallel")  # on one, or few


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with fork_server(tmp_path_factory.mktemp("home")) as started:
        wait_until_ready(started)
        yield started


@pytest.mark.parametrize("name", exercises())
def test_an_exercise_is_verified(name: str, server: ForkServer) -> None:
    """The starter fails, the solution passes, each wrong answer is told its cause, links work."""
    seed, seeds = secrets.randbelow(10**9), None if name in SLOW else SEEDS
    found = verify(exercises()[name], server, seed, cli, seeds)
    flaws = [f"{flaw.where}: {flaw.what}" for flaw in found]
    assert not flaws, f"inputs were drawn with --seed {seed}"
