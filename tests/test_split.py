"""Ranks over which a model cannot be split are refused at the prompt."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workshop.llm.quantization.int4 import GroupError
from workshop.llm.ranks.part import ParallelError, check_divides
from workshop.llm.shapes import SHAPES
from workshop.slurm.job.request import Wishes, with_ranks
from workshop.slurm.job.split import check_split, fits, shape_of
from workshop.stages import settings_of
from workshop.util.errors import UsageError


def refused(model: str, asked: int | None = None, **wishes: Any) -> str:
    """What ``workshop submit tp`` says with these options; '' where it goes on."""
    given = Wishes(**wishes)
    settings = settings_of("tp")
    if asked is not None:
        settings = dataclasses.replace(settings, ranks=asked)
    settings = dataclasses.replace(with_ranks(settings, given, asked), model=model)
    try:
        check_split(settings, given, asked)
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("model", "options", "ending"),
    [
        ("tiny", {"gpus": 4}, ""),
        ("tiny", {"nodes": 2, "gpus_per_node": 4}, ""),
        ("tiny", {"gpus": 3}, "(40) do not split evenly over 3 ranks: use --gpus 2 or --gpus 4"),
        ("tiny", {"asked": 5}, "value heads (8) do not split evenly over 5 ranks: use --ranks 4"),
        ("tiny:1", {}, ""),
        ("tiny:1", {"gpus": 4}, "heads (10) do not split evenly over 4 ranks: use --gpus 2"),
        ("tiny:1", {"nodes": 2, "gpus_per_node": 4}, "8 ranks: use --gpus-per-node 1 or "
         "--gpus-per-node 5"),
        ("tiny:1", {"nodes": 4}, "over 4 ranks: use --nodes 1 --ranks 2"),
        ("random:110m", {"gpus": 8}, "heads (12) do not split evenly over 8 ranks: use --gpus 6"),
        ("random:nope", {"gpus": 8}, ""),  # whose name is refused elsewhere
        ("/nowhere", {"gpus": 8}, ""),
    ],
)  # fmt: skip
def test_the_nearest_that_works_is_named(model: str, options: dict[str, Any], ending: str) -> None:
    sentence = refused(model, **options)
    assert sentence.endswith(ending)
    assert bool(sentence) is bool(ending)


def test_a_checkpoint_is_asked_by_its_config(tmp_path: Path) -> None:
    shape = dataclasses.replace(SHAPES["110m"], heads=6, kv_heads=6, dim=384)
    (tmp_path / "config.json").write_text(json.dumps(shape.to_hugging_face()))
    assert refused(str(tmp_path), gpus=4).endswith(
        "heads (6) do not split evenly over 4 ranks: use --gpus 3"
    )
    (tmp_path / "config.json").write_text("{not json")
    assert refused(str(tmp_path), gpus=4) == ""


def test_a_model_in_the_cache_of_the_hub_is_found(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--org--name" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps(SHAPES["110m"].to_hugging_face()))
    assert shape_of(str(snapshot.parent.parent)) == SHAPES["110m"]


@pytest.mark.parametrize("group", [1, 32])
@pytest.mark.parametrize("model", ["tiny", "tiny:1", *(f"random:{name}" for name in SHAPES)])
def test_the_answer_is_the_engines_own(model: str, group: int) -> None:
    config = shape_of(model)
    assert config is not None
    for ranks in range(1, 65):
        try:
            check_divides(config, ranks, group)
            right = True
        except (ParallelError, GroupError):
            right = False
        assert fits(config, ranks, group) is right, ranks


def test_no_torch_is_imported() -> None:
    code = (
        "import sys; from workshop.slurm.job import split; split.shape_of('tiny'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
