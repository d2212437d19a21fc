"""Exchanges through shared memory: the right sums, in order, and nobody waits for the dead."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import random
import re
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from llm_builders import run_ranks
from patience import HANG, wait_for
from test_launch import TP, rank_processes
from torch import Tensor

from workshop.llm.ranks import parallel, shared_memory
from workshop.llm.ranks.parallel import agree, all_reduce
from workshop.llm.ranks.shared_memory import CannotShareError, Shared
from workshop.record.results import Result
from workshop.runner.launch import reserve_log, run_locally
from workshop.stages.settings import Settings

SLOT = 32 * 1024  # bytes of a tensor in one turn
DTYPES = [torch.bfloat16, torch.float16, torch.float32]
# Numbers in a tensor: fewer than a vector register's, a step's, and those of several turns, with
# and without a rest.
SIZES = [1, 3, 288, 1024, SLOT // 4, SLOT // 2, SLOT // 2 + 1, 3 * SLOT // 4 + 5]
EXCHANGES = 3000


def memory() -> Shared:
    """The memory that this rank shares, without which these tests would be of gloo."""
    assert parallel.Memory.shared is not None
    return parallel.Memory.shared


def expected_sum(parts: Tensor) -> Tensor:
    """Of parts [ranks, ...]: in the order of the ranks and in fp32, rounded once."""
    total = parts[0].float()
    for part in parts[1:]:
        total = total + part.float()
    return total.to(parts.dtype)


def hammered(rank: int, ranks: int) -> int:
    """Exchanges that came out right, bit for bit; every rank knows what all of them give."""
    memory()
    shared_by_all = torch.Generator().manual_seed(0)
    pick = random.Random(0)
    late = random.Random(rank + 1)  # another rank each time
    right = 0
    for _ in range(EXCHANGES):
        dtype, size = pick.choice(DTYPES), pick.choice(SIZES[:4] if pick.random() < 0.9 else SIZES)
        parts = torch.randn(ranks, size, generator=shared_by_all).to(dtype)
        if late.random() < 0.02:
            time.sleep(late.random() * 1e-3)
        if pick.random() < 0.3:
            tokens = torch.randint(2**40, (ranks, size), generator=shared_by_all)
            right += torch.equal(agree(tokens[rank]), tokens[0])
        else:
            right += torch.equal(all_reduce(parts[rank]), expected_sum(parts))
    return right


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_every_exchange_is_right_to_the_last_bit_whoever_is_late(ranks: int) -> None:
    """Also with more ranks than cores, which must yield to each other."""
    assert run_ranks(hammered, ranks) == [EXCHANGES] * ranks


def shapes_and_values(rank: int, ranks: int) -> dict[str, Any]:
    square = torch.arange(12.0).view(3, 4)
    special = torch.tensor([float("inf"), float("-inf"), float("nan"), 3e38, -2.0])
    return {
        "transposed": all_reduce(square.t() * (rank + 1)),
        "empty": all_reduce(torch.empty(0, 5)),
        "scalar": agree(torch.tensor(7 + rank)),
        "special": [all_reduce(special.to(dtype)) for dtype in DTYPES],
        "bool": agree(torch.tensor([rank == 0])),  # by gloo
        "double": parallel.functional.wait_tensor(
            all_reduce(torch.tensor([1.5], dtype=torch.float64))
        ),
        "turns": int(memory().turns),
    }


def test_shapes_and_layouts_are_kept_and_what_is_no_small_step_goes_by_gloo() -> None:
    for said in run_ranks(shapes_and_values, 2):
        assert torch.equal(said["transposed"], torch.arange(12.0).view(3, 4).t() * 3)
        assert said["empty"].shape == (0, 5)
        assert said["scalar"] == 7
        assert said["scalar"].shape == ()
        for special, dtype in zip(said["special"], DTYPES, strict=True):
            assert special.dtype == dtype
            infinity, minus, nothing, huge, number = special.tolist()
            assert infinity == huge == float("inf")
            assert minus == float("-inf")
            assert nothing != nothing
            assert number == -4
        assert said["bool"].tolist() == [True]
        assert said["double"].tolist() == [3.0]
        assert said["turns"] == 5  # transposed, scalar, three of special values


def several(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """Exchanges that a compiler could take for one, or for none, or put in another order."""
    first = all_reduce(x)
    again = all_reduce(x)
    all_reduce(y)  # nobody looks at it
    once = all_reduce(y * 2 + 1)
    token = agree(x.argmax(-1, keepdim=True))
    twice = all_reduce(y * 2 + 1)
    return first, again, once + twice, token


def compiled(rank: int, ranks: int) -> dict[str, Any]:
    from torch._inductor.utils import run_and_get_code

    x, y = torch.arange(8.0) * (1 - 2 * rank), torch.full((8,), float(rank))
    graph = torch.compile(several, fullgraph=True)
    before = int(memory().turns)
    said, code = run_and_get_code(graph, x, y)
    calls = re.findall(r"workshop\.shared_memory_(\w+)\.default\((\w+), (\w+)\)", "\n".join(code))
    return {
        "said": said,
        "eager": several(x, y),
        "calls": [name for name, _, _ in calls],
        "turns": int(memory().turns) - before,
        "counters": {counter for _, _, counter in calls},
    }


def test_a_graph_has_every_exchange_in_the_order_of_the_program() -> None:
    """Equal input or not, whether or not anybody looks at the result; on one counter, no copy."""
    for rank in run_ranks(compiled, 2):
        assert rank["calls"] == ["all_reduce"] * 4 + ["broadcast", "all_reduce"]
        assert rank["turns"] == 2 * 6  # of the graph and of eager mode
        assert len(rank["counters"]) == 1
        first, again, sums, token = rank["said"]
        assert first.tolist() == again.tolist() == [0.0] * 8
        assert sums.tolist() == [8.0] * 8
        assert token.tolist() == [7]
        assert all(map(torch.equal, rank["said"], rank["eager"]))


def other_length(rank: int, ranks: int) -> tuple[list[int], int]:
    """Prompts of several lengths: one graph for all."""
    from torch._dynamo.testing import CompileCounter

    graphs = CompileCounter()
    graph = torch.compile(all_reduce, backend=graphs, fullgraph=True)
    lengths = []
    for length in (5, 7, 9000):
        x = torch.ones(1, length, 4)
        torch._dynamo.maybe_mark_dynamic(x, 1)
        lengths.append(int(graph(x).sum()) // 4 // ranks)
    return lengths, graphs.frame_count


def test_the_length_of_a_prompt_stays_open() -> None:
    assert run_ranks(other_length, 2) == [([5, 7, 9000], 1)] * 2


def waiting(rank: int, ranks: int, directory: str) -> None:
    """Rank 0 comes once another Python thread of rank 1, which waits, has had ten turns."""
    steps = {"eager": all_reduce, "compiled": torch.compile(all_reduce, fullgraph=True)}
    for name, step in steps.items():
        step(torch.ones(4))
        had = Path(directory, name)

        def turns(had: Path = had) -> None:
            for _ in range(10):
                time.sleep(0.01)
            had.touch()

        if rank == 0:
            wait_for(had.exists)
            step(torch.ones(4))
        else:
            thread = threading.Thread(target=turns)
            thread.start()
            step(torch.ones(4))
            thread.join()


def test_other_threads_run_while_a_rank_waits(tmp_path: Path) -> None:
    """The one that hears of a lost rank, above all."""
    run_ranks(functools.partial(waiting, directory=str(tmp_path)), 2)
    assert len(list(tmp_path.iterdir())) == 2


def left_behind(rank: int, ranks: int) -> tuple[str, float]:
    """What a rank hears when all others have left, and after how many seconds."""
    all_reduce(torch.ones(1))
    if rank:
        parallel.leave()
        return "", 0.0
    started = time.monotonic()
    with pytest.raises(RuntimeError) as error:
        all_reduce(torch.ones(1))
    return str(error.value), time.monotonic() - started


def test_a_rank_that_waits_for_one_that_has_left_hears_so_at_once() -> None:
    (said, seconds), _ = run_ranks(left_behind, 2)
    assert said == (
        "Connection closed by peer: rank 1 has ended, and rank 0 was waiting for it in shared "
        "memory"
    )
    assert seconds < HANG, "it would wait for ten minutes"


@contextlib.contextmanager
def sharing_anew() -> Iterator[None]:
    """The ranks share no memory, and may do so again."""
    shared_memory.forget(memory().file)
    parallel.Memory.shared = None
    yield
    assert parallel.Memory.shared is None


def impatient(rank: int, ranks: int) -> str:
    with sharing_anew():
        shared = shared_memory.share(parallel.group(), True, patience=0.2)
        all_ready = parallel.total(1, torch.device("cpu"))
        assert all_ready == ranks
        said = ""
        if rank == 0:
            with pytest.raises(RuntimeError) as error:
                shared.all_reduce(torch.ones(1))
            said = str(error.value)
        parallel.total(1, torch.device("cpu"))  # rank 1 lives until then
    return said


def test_patience_with_a_rank_that_lives_has_an_end() -> None:
    said, _ = run_ranks(impatient, 2)
    assert re.fullmatch(r"Timed out: rank 0 has waited 0 s for rank 1 in shared memory", said)


def at_odds(rank: int, ranks: int) -> str:
    with pytest.raises(RuntimeError) as error:
        all_reduce(torch.ones(4 + rank))
    parallel.total(1, torch.device("cpu"))
    return str(error.value)


def test_ranks_that_exchange_different_things_are_told_so() -> None:
    for rank, said in enumerate(run_ranks(at_odds, 2)):
        assert said == (
            f"rank {rank} and rank {1 - rank} exchange different things in turn 1: they do not run "
            "the same steps"
        )


def file_of(rank: int, ranks: int) -> dict[str, Any]:
    parallel.total(1, torch.device("cpu"))  # rank 0 has joined when this comes back, too
    seen = os.fstat(memory().file)
    maps = Path("/proc/self/maps").read_text().splitlines()
    return {
        "mode": stat.S_IMODE(seen.st_mode),
        "names": seen.st_nlink,
        "mapped": {line.split(maxsplit=5)[5] for line in maps if "/dev/shm/workshop-" in line},
        "bytes": seen.st_size,
    }


def test_the_file_has_no_name_any_more_and_is_nobody_elses() -> None:
    """So nothing stays in /dev/shm, however the ranks end."""
    ranks = run_ranks(file_of, 2)
    for rank in ranks:
        assert rank["mode"] == 0o600
        assert rank["names"] == 0
        (mapped,) = rank["mapped"]
        assert re.fullmatch(r"/dev/shm/workshop-[0-9a-f]{32} \(deleted\)", mapped)
        assert rank["mapped"] == ranks[0]["mapped"]
        assert rank["bytes"] < 2**20


def refused(rank: int, ranks: int) -> dict[str, Any]:
    """What ranks do when one of them cannot share; each way it fails, then as it should."""
    before = set(shared_memory.FOLDER.iterdir())
    claim, operators, folder = (
        shared_memory.claim,
        shared_memory.why_no_operators,
        shared_memory.FOLDER,
    )

    def full(path: Path, rank: int, size: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    said = {}
    with sharing_anew():
        said["several hosts"] = why_refused(one_host=False)
        if rank == 1:
            shared_memory.claim = full
        said["full"] = why_refused()
        shared_memory.claim = claim
        if rank == 1:
            shared_memory.why_no_operators = lambda: "no compiler"
        said["no compiler"] = why_refused()
        shared_memory.why_no_operators = operators
        if rank == 0:
            shared_memory.FOLDER = Path("/nonexistent")
        said["no folder"] = why_refused()
        shared_memory.FOLDER = folder
        said["by gloo"] = parallel.functional.wait_tensor(all_reduce(torch.ones(2))).tolist()
        shared = shared_memory.share(parallel.group(), True, 60)
        said["shared"] = shared.all_reduce(torch.ones(2)).tolist()
        shared_memory.forget(shared.file)
    said["left"] = set(shared_memory.FOLDER.iterdir()) - before
    return said


def why_refused(one_host: bool = True) -> str:
    with pytest.raises(CannotShareError) as error:
        shared_memory.share(parallel.group(), one_host, 60)
    return str(error.value)


def test_where_one_rank_cannot_share_none_does() -> None:
    """They agree on it, and each says the same reason."""
    for rank in run_ranks(refused, 2):
        left = rank.pop("left")
        assert not any("workshop" in path.name for path in left)
        assert rank.pop("no folder").endswith("No such file or directory")
        assert rank == {
            "several hosts": "the ranks run on several hosts",
            "full": "rank 1: /dev/shm: No space left on device",
            "no compiler": "rank 1: no compiler",
            "by gloo": [2.0, 2.0],
            "shared": [2.0, 2.0],
        }


EAGER = replace(TP, quantize="none", samples=1, new_tokens=8)


def run(
    settings: Settings, log: Path, compiler: bool, each_line: Callable[[str], object] = str
) -> Result:
    """A run with the compiler or, with nothing compiled before either, without."""
    before = dict(os.environ)
    if not compiler:
        os.environ["CXX"] = "/nonexistent/g++"
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(log.parent / "cache")
    try:
        return run_locally(settings, log, each_line)
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_without_a_compiler_the_ranks_exchange_by_gloo_and_say_so_in_one_line(
    tmp_path: Path,
) -> None:
    fp32 = replace(EAGER, dtype="float32")
    log, other = reserve_log(tmp_path, "tp"), reserve_log(tmp_path, "tp")
    shared, gloo = run(fp32, log, compiler=True), run(fp32, other, compiler=False)
    assert shared.status == gloo.status == "ok", other.read_text()
    assert shared.samples[0].tokens == gloo.samples[0].tokens
    assert [line for line in log.read_text().splitlines() if "exchange" in line] == [
        "The ranks exchange through shared memory"
    ]
    (said,) = (line for line in other.read_text().splitlines() if "exchange" in line)
    assert said.startswith("The ranks exchange by gloo, over TCP (rank 0: InvalidCxxCompiler: ")
    assert "Traceback" not in other.read_text()


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_rank_is_told_of_as_with_gloo(tmp_path: Path, victim: int) -> None:
    """In the same words, and as soon."""
    said = []
    for compiler in (True, False):
        log = reserve_log(tmp_path, "tp")
        killed: list[float] = []

        def each_line(line: str, killed: list[float] = killed) -> None:
            if line.startswith("WORKSHOP-SAMPLE") and not killed:
                os.kill(rank_processes()[victim], signal.SIGKILL)
                killed.append(time.monotonic())

        result = run(replace(EAGER, samples=9999), log, compiler, each_line)
        assert time.monotonic() - killed[0] < HANG  # it would wait for ten minutes
        assert f"exchange {'through shared memory' if compiler else 'by gloo'}" in log.read_text()
        assert result.status == "incomplete"
        assert "Traceback" not in log.read_text()
        # The process, and how many samples there were time for, are others each time.
        words = re.sub(r"(process|after) \d+", r"\1 N", result.reason or "")
        said.append((words, result.advice))
    assert said[0] == said[1]
    assert f"rank {victim} (" in said[0][0]
    assert "ended without a message" in said[0][0]
