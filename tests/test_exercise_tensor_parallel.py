"""Tensor parallelism: what is wrong is named, however far a sum had come when somebody looked."""

from __future__ import annotations

import fcntl
import importlib
import socket
import sys
import termios
import threading
import time
from types import ModuleType
from typing import Any

import pytest
import torch
from patience import HANG

from workshop.judge import wire
from workshop.learn.checking import Wrong
from workshop.learn.exercise import checks_of, exercises, package_of


def part(name: str) -> ModuleType:
    exercise = exercises()["tensor-parallel"]
    checks_of(exercise)  # which imports them
    return importlib.import_module(f"{package_of(exercise)}.{name}")


@pytest.fixture(scope="module")
def exchanges() -> ModuleType:
    return part("exchanges")


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_sum_that_is_half_there_was_not_waited_for(exchanges: ModuleType, rows: int) -> None:
    x, weight = torch.randn(4, 6), torch.randn(8, 6)
    given = [[x[:, ends], weight[:, ends], None] for ends in (slice(3), slice(3, 6))]
    own = [part @ columns.T for part, columns, _ in given]
    half = (x @ weight.T).clone()
    half[rows:] = own[0][rows:]
    told = [{"value": one, "exchanges": [["all-reduce", [4, 8]]]} for one in (half, own[1])]
    with pytest.raises(Wrong) as wrong:
        exchanges.judge_row(told, x, weight, None, given)
    assert "was not waited for" in (wrong.value.hint or "")


def test_inputs_that_are_summed_are_told_also_where_they_have_the_shape_of_the_product(
    exchanges: ModuleType,
) -> None:
    x, weight = torch.randn(4, 16), torch.randn(8, 16)
    given = [[x[:, ends], weight[:, ends], None] for ends in (slice(8), slice(8, 16))]
    summed = x[:, :8] + x[:, 8:]
    told = [
        {"value": summed @ part.T, "exchanges": [["all-reduce", [4, 8]]]} for _, part, _ in given
    ]
    with pytest.raises(Wrong) as wrong:
        exchanges.judge_row(told, x, weight, None, given)
    assert "exchange only after the product" in (wrong.value.hint or "")


WHOLE, SHARE = {"exchange": ["all-reduce", [4, 8]]}, {"exchange": ["all-reduce", [4, 3]]}
DONE = {"done": {"value": 1}}


def raised(rank: int) -> dict[str, Any]:
    return {"fault": [rank, "raised", "NameError", "name 'y' is not defined", 7]}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([[WHOLE, DONE]] * 3, {"done": [DONE["done"]] * 3}),
        ([[WHOLE], [DONE], [WHOLE], [DONE]], {"waits": [0, WHOLE["exchange"], 1, 1]}),
        ([[WHOLE, WHOLE], [WHOLE, DONE], [WHOLE, WHOLE]], {"waits": [0, WHOLE["exchange"], 2, 1]}),
        ([[WHOLE], [SHARE], [SHARE]], {"differ": [1, WHOLE["exchange"], 1, SHARE["exchange"]]}),
        ([[WHOLE], [SHARE, raised(1)]], {"differ": [1, WHOLE["exchange"], 1, SHARE["exchange"]]}),
        ([[WHOLE], [raised(1)], [raised(2)]], raised(1)),
        ([[raised(0)], [DONE], [WHOLE, raised(2)]], raised(0)),
        (
            [[WHOLE, raised(0)], [None], [WHOLE, raised(2)]],
            {"fault": [1, "ended", "the process ended before it was done", "", None]},
        ),
    ],
    ids=[
        "done", "two leave early", "one leaves later", "other shapes", "other shapes confuse",
        "two raise", "two raise and one waits", "one ends and the others lose it",
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", range(4))
def test_the_same_rank_is_named_whichever_comes_first(
    told: list[list[dict[str, Any] | None]],
    found: dict[str, Any],
    first: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for limit in ("LONGEST", "ON_THEIR_WAY"):
        monkeypatch.setattr(part("driver"), limit, HANG)  # nothing here waits for its end
    pairs = [socket.socketpair() for _ in told]
    turns = [*range(first, len(told)), *range(min(first, len(told)))]
    over = threading.Event()

    def tell() -> None:
        for rank in turns:
            for one in told[rank]:
                if one is None:
                    pairs[rank][1].close()
                    continue
                wire.send(pairs[rank][1], one)
                while unread(pairs[rank][1]) and not over.is_set():
                    time.sleep(0.001)

    telling = threading.Thread(target=tell)
    telling.start()
    started = time.monotonic()
    try:
        assert part("driver").watch([ours for ours, _ in pairs]) == found
        assert time.monotonic() - started < HANG
    finally:
        over.set()
        telling.join()
    for pair in pairs:
        for one in pair:
            one.close()


def unread(sender: socket.socket) -> int:
    """Bytes that the other end has not read yet."""
    return int.from_bytes(fcntl.ioctl(sender, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
