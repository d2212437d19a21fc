"""What is written for a private Slurm: nodes, limits, and its description for submit."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from workshop.slurm.sandbox import Shape, config
from workshop.slurm.sandbox.config import Host


def host_for(shape: Shape) -> Host:
    names = ["slurmctld", "slurmdbd", *shape.node_names]
    ports = {name: 20000 + number for number, name in enumerate(names)}
    return Host("login1", True, "ada", ports)


@pytest.mark.parametrize(
    ("nodes", "reserved"),
    [
        (1, ["sim01"]),
        (2, ["sim02"]),
        (3, ["sim03"]),
        (5, ["sim03", "sim04", "sim05"]),
    ],
)
def test_all_nodes_but_two_are_reserved(nodes: int, reserved: list[str]) -> None:
    assert Shape(nodes=nodes).reserved_nodes == reserved


def test_every_node_has_a_line_and_a_port_of_its_own() -> None:
    shape = Shape(nodes=12, gpus_per_node=3)
    text = config.slurm_conf(Path("/d"), shape, host_for(shape))
    lines = [line for line in text.splitlines() if line.startswith("NodeName=")]
    assert len(lines) == 12
    assert len({word for line in lines for word in line.split() if word.startswith("Port=")}) == 12
    assert all("Gres=gpu:3" in line for line in lines)
    assert "File=/d/dev/nvidia[0-2]" in config.gres_conf(Path("/d"), shape)


def test_accounting_and_limits_are_there_only_if_asked_for() -> None:
    plain = config.slurm_conf(Path("/d"), Shape(), host_for(Shape()))
    assert "accounting_storage/none" in plain
    assert "cgroup" not in plain
    assert "Constrain" not in config.cgroup_conf(Shape())
    shape = Shape(accounting=True, enforce_memory=True)
    full = config.slurm_conf(Path("/d"), shape, host_for(shape))
    assert "AccountingStorageEnforce=associations" in full
    assert "TaskPlugin=task/cgroup" in full
    assert "ConstrainRAMSpace=yes" in config.cgroup_conf(shape)


def test_the_first_job_and_the_plugins_are_the_hosts() -> None:
    plain = config.slurm_conf(Path("/d"), Shape(), host_for(Shape()))
    assert "PluginDir" not in plain
    host = replace(host_for(Shape()), first_job=123_456, plugins=Path("/root/lib/slurm"))
    text = config.slurm_conf(Path("/d"), Shape(), host)
    assert "FirstJobId=123456\n" in text
    for written in (text, config.slurmdbd_conf(Path("/d"), host)):
        assert "PluginDir=/root/lib/slurm\n" in written


def test_the_cluster_is_described_for_submit() -> None:
    described = tomllib.loads(config.workshop_toml(Path("/d"), Shape()))
    assert described.pop("description").startswith("A simulated cluster on this machine")
    assert described == {
        "name": "sandbox",
        "slurm": {"partition": "a100", "time": "00:30:00", "cpus_per_task": 2},
        "gpus": {"request": "gpus", "per_node": 4, "kind": "simulated"},
        "paths": {"runs": "/d/runs"},
    }
