"""Someone else's file, run in a process of its own: whatever it does, a sentence comes back."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from patience import HANG, wait_for

from workshop.judge.family import descendants
from workshop.judge.judge import (
    FaultError,
    ForkServer,
    RunEndedError,
    fork_server,
    student,
    wait_until_ready,
)
from workshop.judge.limits import Limits
from workshop.judge.plain import DTYPES, NotPlainError, decode, encode

THEIRS = """
import ctypes, os, sys, time
import torch

calls = []

def double(x): return x * 2
def count():
    calls.append(1)
    return len(calls)
def todo(): raise NotImplementedError("the scale")
def boom(): return torch.ones(2, 2) @ torch.ones(3, 3)
def loop():
    while True: pass
def sleep(): time.sleep(1234)
def storm():
    while True: print("x" * 1000)
def forks():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1234)
    time.sleep(1234)
def bomb():
    while True: os.fork()
def hogs():
    kept = []
    while True: kept.append(torch.ones(10**7))
def leaves(): os._exit(0)
def exits(): sys.exit(0)
def crashes(): ctypes.string_at(0)
def module(): return torch.nn.Linear(2, 2)
def huge(): return torch.zeros(20_000_000)
def fills():
    with open("filled", "wb") as file:
        while True: file.write(b"x" * 10**6)
class Sly(torch.Tensor):
    def __eq__(self, other): return True
def sly(): return torch.ones(3).as_subclass(Sly)
class Fault(Exception):
    def __str__(self): raise ValueError
def unspeakable(): raise Fault()
def environment(): return dict(os.environ)
def recursion(): return recursion()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    os.environ["SECRET_OF_THE_JUDGE"] = "1"
    try:
        with fork_server(tmp_path_factory.mktemp("home")) as started:
            wait_until_ready(started)
            yield started
    finally:
        del os.environ["SECRET_OF_THE_JUDGE"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "exercise.py"
    path.write_text(THEIRS, encoding="utf-8")
    return path


def call(server: ForkServer, file: Path, name: str, *arguments: object, **limits: float) -> object:
    bounds = Limits(**{"seconds": HANG, **limits})  # type: ignore[arg-type]
    with student(server, file, limits=bounds) as run:
        return run.call(name, *arguments)


def test_a_value_goes_there_and_comes_back(server: ForkServer, file: Path) -> None:
    sent = torch.arange(6, dtype=torch.bfloat16).reshape(2, 3)
    came = call(server, file, "double", sent)
    assert isinstance(came, torch.Tensor)
    assert came.dtype == torch.bfloat16
    assert torch.equal(came, sent * 2)


def test_a_single_element_goes_whatever_its_stride() -> None:
    column = torch.arange(6).reshape(1, 6)[:, 4]
    assert column.stride() == (6,)
    assert torch.equal(decode(encode(column)), torch.tensor([4]))


def test_what_is_imported_beforehand_is_there_when_their_file_is_loaded(
    server: ForkServer, tmp_path: Path
) -> None:
    path = tmp_path / "exercise.py"
    path.write_text("import sys\nthere = 'wave' in sys.modules\ndef see(): return there\n")
    assert call(server, path, "see") is False
    with student(server, path, imports=["wave"]) as run:
        assert run.call("see") is True


def test_every_run_begins_with_a_clean_state(server: ForkServer, file: Path) -> None:
    with student(server, file) as run:
        assert [run.call("count"), run.call("count")] == [1, 2]
    assert call(server, file, "count") == 1


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("todo", "not written", "not written yet (line 11): the scale"),
        ("boom", "raised", "RuntimeError (line 12)"),
        ("nothing_of_that_name", "missing", "there is no function nothing_of_that_name"),
        ("module", "not plain", "it returned a Linear"),
        ("hogs", "raised", "it ran out of memory"),
        ("exits", "raised", "SystemExit"),
        ("unspeakable", "raised", "Fault"),
        ("recursion", "raised", "RecursionError"),
        ("huge", "not plain", "more than 64 MB"),
    ],
)
def test_what_their_code_raises_is_told(
    server: ForkServer, file: Path, name: str, kind: str, words: str
) -> None:
    with pytest.raises(FaultError) as caught:
        call(server, file, name)
    assert caught.value.kind == kind
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "limits", "words"),
    [
        ("loop", {"seconds": 0.5}, "not done after 0.5 seconds"),
        ("sleep", {"seconds": 0.5}, "not done after 0.5 seconds"),
        ("loop", {"cpu_seconds": 1}, "more than 1 seconds of CPU time"),
        ("storm", {"output_kb": 100}, "printed more than 100 kB"),
        ("forks", {}, "started another process"),
        ("bomb", {}, "started another process"),
        ("leaves", {}, "left before it answered"),
        ("crashes", {}, "crashed (SIGSEGV)"),
    ],
)
def test_a_run_that_goes_too_far_is_ended_with_a_sentence(
    server: ForkServer, file: Path, name: str, limits: dict[str, float], words: str
) -> None:
    with pytest.raises(RunEndedError) as caught:
        call(server, file, name, **limits)
    assert words in str(caught.value)
    assert call(server, file, "double", 21) == 42  # and the next run is as good as ever


def test_a_file_that_grows_without_end_is_stopped(server: ForkServer, file: Path) -> None:
    with pytest.raises((RunEndedError, FaultError)) as caught:
        call(server, file, "fills", file_mb=3)
    assert "3 MB" in str(caught.value) or "File too large" in str(caught.value)
    assert not (file.parent / "filled").exists()  # a run has a copy of the folder
    assert list((server.home / "1").iterdir()) == []


def test_nothing_survives_a_run(server: ForkServer, file: Path) -> None:
    for name in ("forks", "bomb"):
        with pytest.raises(RunEndedError):
            call(server, file, name)
    assert descendants(server.process.pid) == []


def test_nothing_survives_the_server(file: Path, tmp_path: Path) -> None:
    with fork_server(tmp_path) as server:
        wait_until_ready(server)
        with student(server, file) as run:
            run.call("count")
            running = descendants(server.process.pid)
            assert running
            server.process.kill()
            server.process.wait()
            run.channel.close()  # as it would be, were the judge gone
            wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in running))
            run.ended = "done"


def test_a_tensor_that_claims_to_equal_everything_arrives_as_a_tensor(
    server: ForkServer, file: Path
) -> None:
    came = call(server, file, "sly")
    assert type(came) is torch.Tensor
    assert not torch.equal(came, torch.zeros(3))


def test_the_judges_environment_is_not_handed_on(server: ForkServer, file: Path) -> None:
    environment = call(server, file, "environment")
    assert isinstance(environment, dict)
    assert "SECRET_OF_THE_JUDGE" not in environment


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(:\n", "SyntaxError (line 1)"),
        ("import nothing_of_that_name", "ModuleNotFoundError (line 1)"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os; os._exit(0)", "left before it answered"),
        ("\x00", "SyntaxError"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_told(
    server: ForkServer, file: Path, text: str, words: str
) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(
        (FaultError, RunEndedError), match=words.replace("(", r"\(").replace(")", r"\)")
    ):
        call(server, file, "f")


DRIVER = """
def sum_of_answers(theirs, ask, count): return sum(ask("next", i) for i in range(count))
def asks(theirs, ask, *words): return ask(*words)
def asks_for_ever(theirs, ask):
    while True: ask("next", 0)
"""


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    path = tmp_path / "driver.py"
    path.write_text(DRIVER, encoding="utf-8")
    return path


def test_a_driver_may_ask_the_judge_who_keeps_what_the_answer_comes_from(
    server: ForkServer, file: Path, driver: Path
) -> None:
    asked: list[int] = []

    def following(number: int) -> int:
        asked.append(number)
        return 10 * number

    with student(server, file, driver) as run:
        answers = {"next": following}
        assert run.call("asking:sum_of_answers", 4, answers=answers) == 0 + 10 + 20 + 30
        assert run.call("double", 21, answers=answers) == 42
    assert asked == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "words",
    [["secret"], ["next"], ["next", 1, 2], ["next", [1]], [["next"]], [{}], [None], ["x" * 10**6]],
)
def test_who_asks_for_what_there_is_not_is_told_so(
    server: ForkServer, file: Path, driver: Path, words: list[object]
) -> None:
    with (
        pytest.raises(FaultError, match="asked for something that there is not") as told,
        student(server, file, driver) as run,
    ):
        run.call("asking:asks", *words, answers={"next": lambda number: number + 1})
    assert len(str(told.value)) < 1000


def test_who_asks_for_ever_is_ended(server: ForkServer, file: Path, driver: Path) -> None:
    with (
        pytest.raises(RunEndedError, match="not done after 1 seconds"),
        student(server, file, driver, Limits(seconds=1)) as run,
    ):
        run.call("asking:asks_for_ever", answers={"next": lambda number: number})


def test_an_answer_to_no_question_of_theirs_is_refused(
    server: ForkServer, file: Path, driver: Path
) -> None:
    """Where a call may ask for nothing, a question is no answer either."""
    with (
        pytest.raises(FaultError, match="asked for something"),
        student(server, file, driver) as run,
    ):
        run.call("asking:asks", "next", 1)


tensors = st.builds(
    lambda name, shape, seed: torch.randint(
        0, 2, shape, generator=torch.Generator().manual_seed(seed)
    ).to(getattr(torch, name)),
    st.sampled_from(sorted(DTYPES)),
    st.lists(st.integers(0, 4), max_size=3),
    st.integers(0, 1000),
)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | tensors,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


@given(plain)
def test_plain_data_is_read_as_it_was_written(value: object) -> None:
    assert same(decode(encode(value)), value)


@given(st.binary(max_size=300))
def test_any_bytes_are_plain_data_or_refused(data: bytes) -> None:
    with contextlib.suppress(NotPlainError):
        decode(data)


def test_special_numbers_arrive() -> None:
    nan, inf = decode(encode([math.nan, math.inf]))
    assert math.isnan(nan)
    assert inf == math.inf


@pytest.mark.parametrize("value", [object(), {1, 2}, lambda: None, 1j, 2**70])
def test_what_is_no_plain_data_is_refused(value: object) -> None:
    if isinstance(value, set):
        assert decode(encode(value)) in ([1, 2], [2, 1])  # a set is sent as a list
        return
    with pytest.raises(NotPlainError):
        encode(value)


@pytest.mark.parametrize(
    ("value", "same_as"),
    [
        (np.float64(1.5), 1.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (Fraction(1, 4), 0.25),
        (Decimal("1.5"), 1.5),
        (range(3), [0, 1, 2]),
        (deque([1, 2]), [1, 2]),
        ((np.float32(0.5), 2), [0.5, 2]),
    ],
)
def test_what_means_the_same_as_plain_data_is_sent_as_it(value: object, same_as: object) -> None:
    assert same(decode(encode(value)), same_as)


def test_an_array_of_numpy_arrives_as_a_tensor() -> None:
    for array in (np.arange(6.0).reshape(2, 3).T, np.array([1, 2], np.uint16), np.array(3)):
        came = decode(encode(array))
        assert isinstance(came, torch.Tensor)
        assert came.tolist() == array.tolist()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1j, "return x.real"),
        (2**70, "return float(x)"),
        ((one for one in [1]), "return list(x)"),
        (np.array(["a"]), "return x.tolist()"),
        (torch.zeros(1, dtype=torch.complex64), "return x.float()"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_what_to_write(value: object, words: str) -> None:
    with pytest.raises(NotPlainError, match=re.escape(words)):
        encode(value)


def test_a_module_beside_the_file_can_be_imported(server: ForkServer, file: Path) -> None:
    file.with_name("helpers.py").write_text("def triple(x): return 3 * x\n", encoding="utf-8")
    file.write_text("import helpers\ndef six(x): return 2 * helpers.triple(x)\n", encoding="utf-8")
    assert call(server, file, "six", 7) == 42


def test_what_lies_beside_the_file_is_not_imported_in_place_of_ours(
    server: ForkServer, file: Path, driver: Path
) -> None:
    for name in ("tracemalloc", "workshop", "driver"):
        file.with_name(f"{name}.py").write_text("raise SystemExit\n", encoding="utf-8")
    driver.write_text(f"import tracemalloc\n{DRIVER}", encoding="utf-8")
    with student(server, file, driver) as run:
        assert run.call("asking:asks", "next", 1, answers={"next": lambda number: number + 1}) == 2
