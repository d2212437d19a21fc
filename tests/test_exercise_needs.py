"""One failure hides only the checks that use what failed; hidden and visible demands agree."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from unhurried import unhurried

from workshop.judge.server import ForkServer, room
from workshop.learn.exercise import CODE, checks_of, exercises, hidden_checks_of
from workshop.learn.run import Outcome, run_checks
from workshop.learn.verify import solved

__all__ = ["unhurried"]  # a fixture


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with room() as started:
        yield started


def went(name: str, change: str, server: ForkServer, hidden: bool = False) -> dict[str, Outcome]:
    """How the checks go on the solution with a change."""
    exercise = exercises()[name]
    solution = (exercise.solution / CODE).read_text()
    checks = hidden_checks_of(exercise) if hidden else checks_of(exercise)
    with solved(exercise, f"{solution}\n\n{change}") as folder:
        ran = run_checks(name, checks, folder / CODE, exercise.driver, server, 7)
        return {outcome.check: outcome for outcome in ran}


@pytest.mark.parametrize(
    ("name", "change", "failed", "still"),
    [
        ("compile", "def update(cache, k, v, position): pass", "update writes in place",
         ["room for all tokens", "the mask", "the loop"]),
        ("compile", "def mask(position, length): return None", "the mask",
         ["update writes in place", "the loop"]),
        ("attention", "def absorb(state, scores, values): return state", "the first block",
         ["where a token lies", "merging two states"]),
        ("attention", "def place(table, position, page): return 0, 0", "where a token lies",
         ["attention in blocks", "merging two states"]),
        ("tensor-parallel", "def row_linear(x, weight, bias): return x @ weight.T",
         "two linear layers on two ranks", ["parts of a layer", "the key heads of a rank"]),
        ("tensor-parallel", "def kv_share(*sizes): return 0, 1", "the key heads of a rank",
         ["parts of a weight", "a layer on two ranks"]),
    ],
)  # fmt: skip
def test_checks_that_do_not_use_what_failed_run(
    name: str, change: str, failed: str, still: list[str], server: ForkServer
) -> None:
    found = went(name, change, server)
    assert found[failed].status == "failed"
    assert {check: found[check].status for check in still} == dict.fromkeys(still, "passed")


@pytest.mark.parametrize(
    "change",
    [
        "import torch._dynamo\ntorch._dynamo.config.disable = True",
        "import torch.compiler\ntorch.compiler.set_stance('force_eager')",
    ],
)
def test_no_graph_at_all_passes_no_check_of_the_compiler(change: str, server: ForkServer) -> None:
    found = went("compile", change, server)
    for check in ("one graph", "no graph after the first", "one graph for all prompts"):
        assert found[check].status != "passed"
    assert "switched off" in (found["one graph"].cause or "")


def test_looking_for_a_cause_reads_past_no_end(server: ForkServer) -> None:
    """Behind the last page, tables hold no pages: a mistake that reads there is not tried."""
    change = (
        "def paged_attention(q, key_pages, value_pages, tables, lengths, right=paged_attention):\n"
        "    return right(q, key_pages, value_pages, tables, (lengths - 1).clamp(min=0))\n"
    )
    found = went("attention", change, server, hidden=True)["places that nobody fills"]
    assert found.status == "failed"
    assert "is off" in found.message
    assert "lengths counts it" in (found.cause or "")
