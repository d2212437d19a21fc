"""Meta's checkpoints: parts are joined, rows reordered, and numbers left unsaid are worked out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from convert_builders import CONFIG, assert_is, meta
from llm_builders import random_llama, tiny
from torch import Tensor

from workshop.llm.config import RopeScaling
from workshop.llm.shapes import SHAPES
from workshop.llm.weights import checkpoint
from workshop.llm.weights.convert import convert
from workshop.llm.weights.convert_meta import mlp_width
from workshop.llm.weights.convert_source import open_source


def test_a_llama_3_of_several_parts_has_rows_of_the_embedding_in_each(tmp_path: Path) -> None:
    model = random_llama(CONFIG)
    convert(open_source(meta(model, tmp_path / "a", 2, rows_of_embedding=True)), tmp_path / "b")
    assert_is(tmp_path / "b", model)


def test_a_head_that_is_stored_beside_its_equal_embedding_is_tied(tmp_path: Path) -> None:
    """As in Meta's Llama 3.2."""
    model = random_llama(tiny(hidden=192, context=4096, tied=True))
    source = meta(model, tmp_path / "a")
    path = source / "consolidated.00.pth"
    tensors = torch.load(path)
    torch.save(tensors | {"output.weight": tensors["tok_embeddings.weight"].clone()}, path)
    convert(open_source(source), tmp_path / "b")
    assert_is(tmp_path / "b", model)


def test_rope_of_neighbours_becomes_rope_of_halves() -> None:
    """Scores of attention at two positions, by Meta's complex numbers and by ours."""
    from workshop.llm.rope import rope_table, rotate
    from workshop.llm.weights.convert_meta import by_halves

    generator = torch.Generator().manual_seed(0)
    wq, wk = (torch.randn(32, 24, generator=generator, dtype=torch.float64) for _ in range(2))
    x = torch.randn(2, 24, generator=generator, dtype=torch.float64)
    at = (3, 11)
    turns = torch.tensor([10000 ** (-2 * i / 16) for i in range(8)], dtype=torch.float64)

    def theirs(weight: Tensor, token: int) -> Tensor:
        pairs = torch.view_as_complex((weight @ x[token]).view(2, 8, 2))
        turned = pairs * torch.polar(torch.ones_like(turns), at[token] * turns)
        return torch.view_as_real(turned).flatten(1)

    cos, sin = (table.double() for table in rope_table(16, 16, 10000.0))

    def ours(weight: Tensor, token: int) -> Tensor:
        heads = (by_halves(weight, 2) @ x[token]).view(1, 2, 1, 16)
        return rotate(heads, cos[at[token]], sin[at[token]])[0, :, 0]

    expected = (theirs(wq, 0) * theirs(wk, 1)).sum(-1)
    assert torch.allclose((ours(wq, 0) * ours(wk, 1)).sum(-1), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "params"),
    [  # the params.json that Meta publishes beside each model
        ("llama-2-7b", {"dim": 4096, "multiple_of": 256}),
        ("llama-2-13b", {"dim": 5120, "multiple_of": 256}),
        ("llama-2-70b", {"dim": 8192, "multiple_of": 4096, "ffn_dim_multiplier": 1.3}),
        ("llama-3-8b", {"dim": 4096, "multiple_of": 1024, "ffn_dim_multiplier": 1.3}),
        ("llama-3-70b", {"dim": 8192, "multiple_of": 4096, "ffn_dim_multiplier": 1.3}),
        ("llama-3.2-1b", {"dim": 2048, "multiple_of": 256, "ffn_dim_multiplier": 1.5}),
        ("llama-3.2-3b", {"dim": 3072, "multiple_of": 256, "ffn_dim_multiplier": 1.0}),
        ("codellama-34b", {"dim": 8192, "multiple_of": 256, "ffn_dim_multiplier": 1.0}),
    ],
)
def test_the_width_of_the_mlp_follows_from_meta_s_numbers(name: str, params: dict) -> None:
    width = mlp_width(params["dim"], params.get("ffn_dim_multiplier"), params["multiple_of"])
    assert width == SHAPES[name].hidden


@pytest.mark.parametrize(
    ("params", "context", "scaling"),
    [
        ({}, 4096, None),
        ({"rope_theta": 1e6}, 16384, None),
        ({"rope_theta": 500000.0}, 8192, None),
        (
            {"rope_theta": 500000.0, "use_scaled_rope": True},
            131072,
            RopeScaling(32.0, 1.0, 4.0, 8192),
        ),
    ],
)
def test_what_meta_s_numbers_leave_unsaid_follows_from_the_generation(
    tmp_path: Path, params: dict, context: int, scaling: RopeScaling | None
) -> None:
    source = meta(random_llama(CONFIG), tmp_path / "a")
    path = source / "params.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | params))
    convert(open_source(source), tmp_path / "b")
    config = checkpoint.shape(tmp_path / "b")
    assert config.context == context
    assert config.rope_scaling == scaling
