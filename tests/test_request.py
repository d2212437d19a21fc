"""From wishes and a cluster to what a job asks for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop.slurm.cluster.description import Cluster, Environment, Gpus, Scheduling
from workshop.slurm.job.request import (
    Request,
    Wishes,
    make_request,
    minutes,
    output_pattern,
    with_ranks,
)
from workshop.slurm.runs import log_of
from workshop.stages import settings_of
from workshop.util.errors import UsageError

CLUSTER = Cluster(
    slurm=Scheduling(partition="a100", account="edu20", exclusive=True, cpus_per_task=12),
    gpus=Gpus(per_node=4),
    environment=Environment(modules=("CUDA/11.8.0",)),
)


def asked(
    stage: str = "compile", cluster: Cluster = CLUSTER, ranks: int | None = None, **wishes: object
) -> Request:
    wish = Wishes(**wishes)  # type: ignore[arg-type]
    settings = settings_of(stage)
    if ranks is not None:
        settings = dataclasses.replace(settings, ranks=ranks)
    settings = with_ranks(settings, wish, ranks)
    return make_request(cluster, settings, wish, Path("/here"), "python")


def test_the_clusters_description_fills_in_what_was_not_asked_for() -> None:
    request = asked()
    assert (request.partition, request.account, request.exclusive) == ("a100", "edu20", True)
    assert request.cpus_per_task == 12
    assert request.modules == ("CUDA/11.8.0",)
    assert request.time == 30


def test_what_was_asked_for_wins_and_nothing_takes_it_away() -> None:
    request = asked(partition="cpu", exclusive=False, account="", time="01:30:00")
    assert (request.partition, request.account, request.exclusive) == ("cpu", None, False)
    assert request.time_limit == "01:30:00"


def test_a_stage_asks_for_one_gpu_and_tp_for_one_a_rank() -> None:
    assert (asked().nodes, asked().tasks_per_node, asked().gpus_per_node) == (1, 1, 1)
    assert (asked("tp").tasks_per_node, asked("tp").gpus_per_node) == (2, 2)


@pytest.mark.parametrize(
    ("wishes", "ranks", "shape"),
    [
        ({"gpus": 4}, None, (1, 4, 4)),
        ({"gpus": 4, "nodes": 2}, None, (2, 2, 2)),
        ({"gpus_per_node": 4, "nodes": 2}, None, (2, 4, 4)),
        ({"nodes": 2}, None, (2, 1, 1)),
        ({"nodes": 4}, None, (4, 1, 1)),
        ({"gpus": 4}, 2, (1, 2, 4)),
    ],
)
def test_tp_has_as_many_ranks_as_gpus(
    wishes: dict[str, int], ranks: int | None, shape: tuple[int, int, int]
) -> None:
    request = asked("tp", ranks=ranks, **wishes)
    assert (request.nodes, request.tasks_per_node, request.gpus_per_node) == shape


@pytest.mark.parametrize(
    ("stage", "wishes", "said"),
    [
        ("compile", {"nodes": 2}, "1 rank cannot be spread evenly over 2 nodes"),
        ("tp", {"nodes": 2, "gpus": 3}, "3 ranks cannot be spread evenly over 2 nodes"),
        ("compile", {"time": "soon"}, "'soon' is not a time that a job can have"),
        ("compile", {"time": "0"}, "'0' is not a time that a job can have"),
        ("compile", {"values": {"cpus_per_task": "-3"}}, "a whole number above 0 is needed"),
        ("compile", {"values": {"srun": "yes"}}, "use true or false"),
        ("compile", {"values": {"nodes": "3"}}, "--set cannot change nodes"),
        ("compile", {"values": {"setup": "rm -r ~"}}, "--set cannot change setup"),
        ("compile", {"values": {"gpu_request": "many"}}, "use gpus, gpus-per-node, gres or none"),
    ],
)
def test_wishes_that_cannot_be_are_one_sentence(
    stage: str, wishes: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError) as error:
        asked(stage, **wishes)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_set_changes_a_value_and_gives_the_template_new_ones() -> None:
    request = asked(values={"mem": "16G", "cpus_per_task": "8", "srun": "false", "colour": "red"})
    assert (request.mem, request.cpus_per_task, request.srun) == ("16G", 8, False)
    assert request.extra == {"colour": "red"}


def test_a_repeated_run_is_an_array_and_takes_turns_where_nodes_are_shared() -> None:
    assert asked(repeat=5).array == "0-4"
    assert asked(repeat=5, exclusive=False).array == "0-4%1"
    assert asked(repeat=5).output == "/here/job-compile-%A_%a.out"
    assert asked().array is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", 30),
        ("1:30", 2),
        ("00:30:00", 30),
        ("1:00:01", 61),
        ("1-0", 24 * 60),
        ("1-12:30", 36 * 60 + 30),
        ("2-00:00:30", 48 * 60 + 1),
    ],
)
def test_times_are_read_as_slurm_reads_them(text: str, expected: int) -> None:
    assert minutes(text) == expected


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=20),
    st.integers(1, 10**9),
    st.integers(0, 999),
)
def test_the_log_is_found_where_slurm_is_told_to_write(name: str, job: int, task: int) -> None:
    directory = Path("/") / name
    assert log_of(output_pattern(directory, "tp"), str(job)) == directory / f"job-tp-{job}.out"
    array = output_pattern(directory, "tp", repeat=2)
    assert log_of(array, f"{job}_{task}") == directory / f"job-tp-{job}_{task}.out"


def test_a_directory_that_slurm_cannot_write_to_is_refused() -> None:
    with pytest.raises(UsageError, match="there is a backslash in its name"):
        output_pattern(Path("/a\\b"), "tp")
