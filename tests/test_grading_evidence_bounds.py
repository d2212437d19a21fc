"""Logs as evidence against their machine and their baseline, and whatever else a log may hold."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from grading_logs import (
    ANN,
    faster,
    in_job,
    logs_of,
    noticed,
    of,
    record_of,
    rewritten,
    seven_billion,
    with_times,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from workshop.grading.evidence import examine, logs_below
from workshop.grading.evidence.log import MOST_BYTES, MOST_LOGS, MOST_RUNS
from workshop.record.results import PREFIX, Result, to_json
from workshop.stages import STAGES, settings_of

STAGE = st.sampled_from(list(STAGES))


# --- Physics ---


@given(stage=STAGE, beyond=st.floats(2.1, 100))
@settings(max_examples=10)
def test_nothing_reads_weights_much_faster_than_they_can_be_read(
    stage: str, beyond: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A log that agrees with itself in everything, and is too good."""
    run = record_of(stage)
    reach = (run.mbu or 1.0) / (run.world_size or 1)
    text = rewritten(faster(run, beyond / reach))
    found = of("contradiction", noticed(tmp_path_factory.mktemp("log"), text))
    assert any("the device was measured to read" in one for one in found)


def test_a_little_faster_than_was_measured_is_asked_about(tmp_path: Path) -> None:
    run = record_of("compile")
    found = noticed(tmp_path, rewritten(faster(run, 1.4 / (run.mbu or 1.0))))
    assert of("contradiction", found) == []
    assert any("the device was measured to read" in one for one in of("doubt", found))


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (seven_billion(200.0), "the data sheet of a100-sxm-80gb says 2039"),
        (
            seven_billion(200.0, device_bandwidth_gb_per_second=4000.0),
            "the data sheet of a100-sxm-80gb says 2039",
        ),
        (seven_billion(95.0, prompt_tokens=2000, ttft_seconds=0.02), "says 312"),
        (seven_billion(95.0, ttft_seconds=0.0001), "to read half of the weights"),
    ],
)
def test_no_gpu_is_faster_than_its_data_sheet(run: Result, sentence: str, tmp_path: Path) -> None:
    found = of("contradiction", noticed(tmp_path, rewritten(run)))
    assert any(sentence in one for one in found), found


# --- Baselines ---


def test_a_cold_baseline_is_asked_about(tmp_path: Path) -> None:
    cold = with_times(record_of("baseline"), [4.0, 1.0, 1.01, 0.99, 1.02])
    found = noticed(tmp_path, rewritten(cold))
    assert of("contradiction", found) == []
    assert any("may not have been warm" in one for one in of("doubt", found))


def test_a_baseline_far_below_its_reference_is_asked_about(tmp_path: Path) -> None:
    slow = with_times(record_of("baseline"), [3.0, 3.1, 3.05, 3.02, 3.07])
    assert any("float32" in one for one in of("doubt", noticed(tmp_path, rewritten(slow))))


def test_a_busy_machine_is_told_and_is_nobodys_doing(tmp_path: Path) -> None:
    warning = "2 other processes running on this machine's 2 processors"
    busy = replace(record_of("baseline"), warnings=[warning])
    found = noticed(tmp_path, rewritten(busy))
    assert any(warning in one for one in of("note", found))
    assert of("doubt", found) == []


def test_a_first_sample_that_was_disturbed_is_no_suspicion(tmp_path: Path) -> None:
    disturbed = with_times(record_of("baseline"), [1.7, 1.0, 1.01, 0.99, 1.02])
    found = noticed(tmp_path, rewritten(disturbed))
    assert [*of("contradiction", found), *of("doubt", found)] == []
    assert any("may not have been warm" in one for one in of("note", found))


def test_a_baseline_with_fewer_threads_is_asked_about(tmp_path: Path) -> None:
    source = "measured: sum over 13.9 MB, 1 threads"
    base = replace(record_of("baseline"), threads=1, device_bandwidth_source=source)
    logs = logs_of(tmp_path, a=rewritten(base), b=rewritten(record_of("compile")))
    found = of("doubt", examine(logs, ANN))
    assert found == ["compile: it had 2 threads in all, and its baseline 1"]


def test_a_baseline_of_another_node_is_asked_about(tmp_path: Path) -> None:
    base = replace(record_of("baseline"), host="sim01")
    logs = logs_of(tmp_path, a=rewritten(base), b=rewritten(record_of("compile")))
    (found,) = of("doubt", examine(logs, ANN))
    assert "ran on another node (sim01" in found


def test_a_baseline_that_was_made_slower_runs_into_the_run_after_it(tmp_path: Path) -> None:
    """In the real logs, compile began 13 seconds after the baseline."""
    slower = with_times(record_of("baseline"), [5.0, 5.01, 5.02, 4.99, 4.98])
    logs = logs_of(tmp_path, a=rewritten(slower), b=rewritten(record_of("compile")))
    assert any("the two ran at once, or a time was changed" in one
               for one in of("doubt", examine(logs, ANN)))  # fmt: skip


def test_two_jobs_may_run_on_one_node_at_once(tmp_path: Path) -> None:
    runs = [replace(record_of(stage), started="2026-11-21T10:00:00+00:00")
            for stage in ("baseline", "compile")]  # fmt: skip
    texts = {str(i): rewritten(in_job(run, str(i))) for i, run in enumerate(runs)}
    assert of("doubt", examine(logs_of(tmp_path, **texts), ANN)) == []


# --- Whatever a log holds ---


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON document, as its container and its key."""
    items = list(node.items() if isinstance(node, dict) else enumerate(node))
    inner = [place for _, value in items if isinstance(value, dict | list)
             for place in places(value)]  # fmt: skip
    return [*((node, key) for key, _ in items), *inner]


VALUES = st.sampled_from(
    [None, 0, 1, -1, 2**63, 10**400, 1e-320, 1e308, -0.5, "", "\ud83d", "x" * 99, [], [0], {}, True]
)


@given(stage=STAGE, edits=st.lists(st.tuples(st.integers(0, 10**6), VALUES), max_size=5))
@settings(max_examples=60)
def test_no_record_keeps_the_others_from_being_looked_at(
    stage: str, edits: list[tuple[int, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    record = json.loads(to_json(record_of(stage)))
    for number, value in edits:
        container, key = places(record)[number % len(places(record))]
        container[key] = copy.deepcopy(value)
    text = rewritten(record_of(stage)) + PREFIX + json.dumps(record) + "\n"
    found = examine(logs_of(tmp_path_factory.mktemp("log"), log=text), ANN)
    assert not any("could not be checked throughout" in one.sentence for one in found), found


def test_what_is_too_large_or_no_file_is_said_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.out").write_bytes(b"x" * (MOST_BYTES + 1))
    (tmp_path / "b.out").symlink_to("/dev/zero")
    (tmp_path / "c.out").mkdir()
    (log,) = logs_below(tmp_path)
    assert log.runs == ()
    (found,) = examine([log], ANN)
    assert found.sentence == "this log was not read: it has more than 4 MB"


def test_no_more_logs_are_read_than_anybody_has(tmp_path: Path) -> None:
    for i in range(MOST_LOGS + 5):
        (tmp_path / f"{i:03}.out").touch()
    logs = logs_below(tmp_path)
    assert len(logs) == MOST_LOGS + 1
    assert "none was read" in (logs[-1].problem or "")


def test_no_more_runs_are_read_than_can_be_held_against_each_other(tmp_path: Path) -> None:
    line = PREFIX + to_json(replace(record_of("baseline"), samples=[])) + "\n"
    many, few = logs_of(tmp_path, many=line * MOST_RUNS, more=line)
    assert len(many.runs) == MOST_RUNS
    assert few.problem is not None


def test_a_path_in_a_log_is_not_opened(tmp_path: Path) -> None:
    trap = tmp_path / "trap.json"
    trap.mkdir()
    named = replace(record_of("compile"), model=str(trap), settings=replace(
        settings_of("compile"), model=str(trap), draft=str(trap)))  # fmt: skip
    assert of("contradiction", noticed(tmp_path / "logs", rewritten(named))) == []
