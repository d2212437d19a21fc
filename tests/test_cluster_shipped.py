"""The clusters that are shipped: they load, and ask for what they should."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_parts import ALICE, describe

from workshop.slurm.cluster.description import Cluster, Gpus, Scheduling
from workshop.slurm.cluster.expand import expanded
from workshop.slurm.cluster.find import SHIPPED
from workshop.slurm.cluster.load import all_keys, load
from workshop.slurm.cluster.toml import flat


@pytest.mark.parametrize("name", sorted(file.stem for file in SHIPPED.glob("*.toml")))
def test_what_is_shipped_loads_and_expands(name: str) -> None:
    cluster = load(SHIPPED / f"{name}.toml")
    assert cluster.name == name
    assert cluster.description
    assert "$" not in (expanded(cluster, ALICE).paths.cache or "")


def test_cyclone_is_what_the_original_workshop_asked_for() -> None:
    cyclone = load(SHIPPED / "cyclone.toml")
    assert cyclone.slurm == Scheduling(
        partition="a100",
        account="edu20",
        reservation="edu20",
        exclude="sim02",
        exclusive=True,
        time="01:00:00",
        cpus_per_task=12,
    )
    assert cyclone.gpus == Gpus("gpus", None, 4, "NVIDIA A100 40 GB")
    assert cyclone.environment.modules == ("Anaconda3/2023.03-1", "CUDA/11.8.0")
    assert cyclone.environment.setup[-1] == "conda activate /nvme/scratch/edu20/envs/pytorch"
    assert cyclone.environment.python == "python"
    assert cyclone.paths.checkpoints == "/nvme/scratch/edu20/gpt-fast-checkpoints"


def test_generic_asks_for_nothing_but_shows_every_key(tmp_path: Path) -> None:
    text = (SHIPPED / "generic.toml").read_text()
    plain = load(SHIPPED / "generic.toml")
    assert replace(plain, description=None, source=None) == Cluster()
    used = load(describe(tmp_path, re.sub(r"^#(?=[\[a-zA-Z])", "", text, flags=re.MULTILINE)))
    keys = {key.replace(".variables.HF_HUB_OFFLINE", ".variables") for key in flat(used)}
    assert keys == set(all_keys())
