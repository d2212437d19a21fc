"""What was tried on our own exercises: it gets no points, and the teacher is told."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest
from attack_builders import HERE, server, servers
from attack_exercises import TRIED
from patience import HANG

from workshop.judge.family import descendants, processor_seconds
from workshop.judge.isolation import Isolation
from workshop.judge.server import ForkServer
from workshop.judge.unusual import unusual
from workshop.learn.checking import Check
from workshop.learn.exercise import checks_of, exercises, hidden_checks_of
from workshop.learn.run import run_checks

__all__ = ["server", "servers"]  # fixtures


def needed(names: tuple[str, ...], checks: list[Check]) -> list[Check]:
    """The checks of these names, those that they need first, each with time enough."""
    wanted = set(names)
    for check in reversed(checks):
        if check.name in wanted:
            wanted |= set(check.needs)
    limited = (
        dataclasses.replace(one, limits=dataclasses.replace(one.limits, seconds=HANG))
        for one in checks
    )
    return [check for check in limited if check.name in wanted]


def passed(name: str, servers: dict[Isolation, ForkServer], folder: Path) -> list[str]:
    """Which checks an attack passes, of those that it is kept from."""
    tried = TRIED[name]
    exercise = exercises()[tried.exercise]
    checks = needed(tried.keeps, [*checks_of(exercise), *hidden_checks_of(exercise)])
    assert set(tried.keeps) <= {check.name for check in checks}
    file = tried.written(folder)
    ran = run_checks(exercise.name, checks, file, exercise.driver, servers[HERE[0]], seed=7)
    return [one.check for one in ran if one.status == "passed" and one.check in tried.keeps]


@pytest.mark.parametrize("name", TRIED)
def test_what_was_tried_on_an_exercise_gets_nothing(
    name: str, servers: dict[Isolation, ForkServer], tmp_path: Path
) -> None:
    assert passed(name, servers, tmp_path) == []


@pytest.mark.parametrize("name", TRIED)
def test_and_the_teacher_is_told_what_it_reaches_for(name: str, tmp_path: Path) -> None:
    source = TRIED[name].written(tmp_path).read_bytes()
    assert {one.what for one in unusual(source)} == TRIED[name].noticed


def busy_for(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


@pytest.mark.parametrize("waited_for", [True, False])
def test_a_childs_time_counts_after_it_has_ended(waited_for: bool) -> None:
    parent = os.fork()
    if parent == 0:
        child = os.fork()
        if child == 0:
            busy_for(0.2)
            os._exit(0)
        if waited_for:
            os.waitpid(child, 0)
        time.sleep(HANG)
        os._exit(0)
    try:
        until = time.monotonic() + HANG
        while (took := processor_seconds([parent, *descendants(parent)])) < 0.19:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert took < 0.5
    finally:
        os.kill(parent, 9)
        os.waitpid(parent, 0)
