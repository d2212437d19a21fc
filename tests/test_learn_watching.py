"""What answers allocate and do is seen by its effect; a cause is named if it is the only one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from workshop.learn.made import Made
from workshop.learn.mistakes import only_cause
from workshop.learn.watched import counted, watched

MB = 1_000_000


def by_numpy() -> object:
    return np.ones(MB, dtype=np.uint8).sum()


def by_list() -> object:
    return len([*range(1000, MB // 8)])


def by_torch() -> object:
    return torch.ones(MB // 4).sum()


@pytest.mark.parametrize("work", [by_numpy, by_list])
def test_memory_outside_of_torch_is_seen_though_it_is_gone_at_the_end(
    work: Callable[[], object],
) -> None:
    with Made(outside=True) as made:
        torch.ones(3) + 1
        work()
        torch.ones(3) + 1
    assert made.outside >= 0.9 * MB
    assert made.peak < 1000


def test_memory_of_torch_is_not_counted_twice() -> None:
    with Made(outside=True) as made:
        by_torch()
    assert made.peak >= MB
    assert made.outside < 20_000


def test_notes_of_ours_are_no_memory_of_theirs() -> None:
    x = torch.ones(3)
    with Made(outside=True) as made:
        for _ in range(3000):
            x = x + 1
    assert len(made.steps) >= 3000
    assert made.outside < 20_000


def test_nobody_asks_and_nothing_is_traced() -> None:
    with Made() as made:
        by_numpy()
    assert made.outside == 0


def module(path: Path, source: str) -> ModuleType:
    file = path / "answer.py"
    file.write_text(source)
    found = ModuleType("answer")
    found.__file__ = str(file)
    exec(compile(source, str(file), "exec"), found.__dict__)
    return found


LOOP = """
def summed(x, block):
    total = 0
    for start in range(0, len(x), {block}):
        total = total + x[start : start + {block}].sum()
    return total
"""


def test_a_block_that_is_ignored_does_the_same_work_whatever_it_is(tmp_path: Path) -> None:
    theirs = module(tmp_path, LOOP.format(block=8))
    assert counted(theirs, "summed", torch.ones(40), 4) == counted(
        theirs, "summed", torch.ones(40), 16
    )


@pytest.mark.parametrize("data", [torch.ones(40), np.ones(40)], ids=["torch", "numpy"])
def test_a_block_that_is_used_does_less_work_where_it_is_larger(
    tmp_path: Path, data: torch.Tensor
) -> None:
    theirs = module(tmp_path, LOOP.format(block="block"))
    assert counted(theirs, "summed", data, 4) > counted(theirs, "summed", data, 16)


def test_watched_tells_of_memory_and_of_arguments_that_are_changed(tmp_path: Path) -> None:
    source = "import numpy\ndef twice(x, y):\n    x += 1\n    return numpy.ones(10**6).sum()\n"
    found = watched(module(tmp_path, source), "twice", torch.ones(3), 2, outside=True)
    assert found["changed"] == [True, False]
    assert found["outside"] >= 8 * MB


# --- causes --------------------------------------------------------------------------------------


def test_the_one_cause_that_holds_is_named() -> None:
    assert only_cause({"too few": lambda: False, "too many": lambda: True}) == "too many"


def test_of_two_causes_that_hold_none_is_named() -> None:
    assert only_cause({"too few": lambda: True, "too many": lambda: True}) is None


def test_causes_with_the_same_words_are_one() -> None:
    assert only_cause([("in few bits", lambda: True), ("in few bits", lambda: True)])


def test_a_mistake_that_cannot_be_made_with_these_inputs_is_not_the_cause() -> None:
    def beyond_the_end() -> bool:
        return bool(torch.ones(3)[10**6])

    assert only_cause({"reads too far": beyond_the_end, "off": lambda: True}) == "off"
