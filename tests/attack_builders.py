"""What the tests of attacks share: a small check, isolation to try it in, and how it is graded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from patience import HANG

from workshop.judge.isolation import STRONGEST_FIRST, Isolation, works
from workshop.judge.limits import Limits
from workshop.judge.server import ForkServer, room
from workshop.learn.checking import Check, Work, check, same_tensor
from workshop.learn.run import Outcome, run_check

HERE: list[Isolation] = [kind for kind in STRONGEST_FIRST if works(kind)]
WALLED: list[Isolation] = [kind for kind in HERE if kind != "process"]
HINTS = ("What is twice a number?", "A number and itself.", "2 * x")
RIGHT = "def double(x):\n    return 2 * x\n"
# Of the processor's time, which others on a busy machine do not use up.
QUICK = Limits(seconds=HANG, cpu_seconds=3)


@check(points=2, hints=HINTS, limits=QUICK)
def doubling(work: Work) -> None:
    for _ in range(3):
        x = work.draw.normal(4)
        same_tensor(work.call("double", x), 2 * x, "the double")


class Started(dict[Isolation, ForkServer]):
    """A fork server in each isolation, started when it is first asked for."""

    def __init__(self, at_end: ExitStack) -> None:
        super().__init__()
        self.at_end = at_end

    def __missing__(self, kind: Isolation) -> ForkServer:
        self[kind] = self.at_end.enter_context(room(kind))
        return self[kind]


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[Isolation, ForkServer]]:
    with ExitStack() as at_end:
        yield Started(at_end)


@pytest.fixture(params=HERE)
def server(request: pytest.FixtureRequest, servers: dict[Isolation, ForkServer]) -> ForkServer:
    return servers[request.param]


@pytest.fixture(params=WALLED)
def walled(request: pytest.FixtureRequest, servers: dict[Isolation, ForkServer]) -> ForkServer:
    return servers[request.param]


def hand_in(folder: Path, code: str) -> Path:
    """A submission of that code."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "exercise.py"
    file.write_text(code, encoding="utf-8")
    return file


def graded(server: ForkServer, file: Path, check: Check = doubling, seed: int = 1) -> Outcome:
    return run_check("sums", check, file, None, server, seed)
