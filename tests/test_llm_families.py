"""Every family of Llamas gives the logits that transformers gives, from either's checkpoint."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from llm_builders import fill, furthest, random_llama, random_tokens, read, tiny

from workshop.llm.config import Config, ConfigError, RopeScaling
from workshop.llm.model import Llama
from workshop.llm.shapes import SHAPES
from workshop.llm.weights import checkpoint
from workshop.runner.plan import plan
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

if TYPE_CHECKING:  # it takes long to import, which not every process of the tests need do
    from transformers import PreTrainedModel

LENGTH = 200
# At these sizes some pairs of dimensions turn often over the trained positions, some hardly.
FAMILIES = {
    "Llama 2, every head its own keys": tiny(kv_heads=4),
    "Llama 3, shared keys and a slow turn": tiny(rope_theta=5e5),
    "Llama 3.1, turning slower still": tiny(rope_scaling=RopeScaling(8.0, 1.0, 4.0, 64)),
    "Llama 3.2, the head is the embedding": tiny(
        tied=True, rope_theta=5e5, rope_scaling=RopeScaling(32.0, 1.0, 4.0, 64)
    ),
    "linear scaling": tiny(rope_scaling=RopeScaling(4.0)),
    "CodeLlama": tiny(rope_theta=1e6, context=256),
    "Mistral, within its window": tiny(window=LENGTH),
    "heads smaller than dim / heads": tiny(head_size=12),
    "heads larger than dim / heads": tiny(head_size=24, kv_heads=1),
}


@pytest.fixture(params=FAMILIES)
def config(request: pytest.FixtureRequest) -> Config:
    return FAMILIES[request.param]


def loaded_by_them(directory: Path) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


def made_by_them(fields: dict[str, Any]) -> PreTrainedModel:
    """With random weights."""
    from transformers import AutoConfig, AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields)).float().eval()
    fill(model, seed=1)
    return model


def same_logits(ours: Llama, theirs: PreTrainedModel, length: int = LENGTH) -> bool:
    tokens = random_tokens(length)
    with torch.inference_mode():
        expected = theirs(torch.tensor([tokens])).logits[0]
        assert expected.std() > 0.5, "logits this small would hide a difference"
        return furthest(read(ours, tokens), expected) < 1e-4


def test_transformers_reads_our_checkpoint_and_gives_our_logits(
    config: Config, tmp_path: Path
) -> None:
    ours = random_llama(config)
    checkpoint.save(ours, tmp_path)
    theirs = loaded_by_them(tmp_path)
    assert same_logits(ours, theirs)


def test_we_read_the_checkpoint_of_transformers_and_give_its_logits(
    config: Config, tmp_path: Path
) -> None:
    fields = config.to_hugging_face()
    theirs = made_by_them(fields)
    theirs.save_pretrained(tmp_path)
    ours = checkpoint.load(tmp_path, torch.float32)
    assert ours.config == config
    assert same_logits(ours, theirs)


def test_dynamic_scaling_changes_nothing_within_the_context(tmp_path: Path) -> None:
    """It scales beyond, where this engine does not go."""
    fields = tiny(context=LENGTH).to_hugging_face()
    fields["rope_scaling"] = {"rope_type": "dynamic", "factor": 4.0}
    theirs = made_by_them(fields)
    theirs.save_pretrained(tmp_path)
    assert same_logits(checkpoint.load(tmp_path, torch.float32), theirs)


def test_scaling_matters_at_these_lengths() -> None:
    """Else the tests above would not see it."""
    tokens = random_tokens(LENGTH)
    plain, scaled = (
        random_llama(tiny(rope_scaling=scaling))
        for scaling in (None, RopeScaling(8.0, 1.0, 4.0, 64))
    )
    with torch.inference_mode():
        assert furthest(read(plain, tokens), read(scaled, tokens)) > 0.01


def test_a_window_bounds_what_can_be_run_and_nothing_else() -> None:
    assert tiny(window=40).positions == 40
    assert tiny(window=4000).positions == tiny().positions == 512
    assert random_llama(tiny(window=40)).cos.shape[0] == 40


@pytest.mark.parametrize(
    ("family", "said", "window"),
    [("mistral", {}, 4096), ("mistral", None, None), ("llama", 7, None)],
)
def test_a_window_is_what_transformers_takes_it_to_be(
    family: str, said: int | dict[str, int] | None, window: int | None
) -> None:
    """Unsaid, 4096 for a Mistral; null, none; and a Llama has none whatever is said."""
    from transformers import AutoConfig

    fields = tiny().to_hugging_face() | {"model_type": family, "sliding_window": said}
    if said == {}:
        del fields["sliding_window"]
    assert Config.from_hugging_face(fields).window == window
    theirs = getattr(AutoConfig.for_model(**fields), "sliding_window", None)
    assert family == "llama" or theirs == window


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"head_size": 0}, "head_size must be a positive whole number, not 0"),
        ({"layers": 10**9}, "layers 1000000000 is more than any model has"),
        ({"vocab": 10**12}, "vocab 1000000000000 is more than any model has"),
    ],
)
def test_a_shape_that_no_model_has_is_refused_before_it_takes_memory(
    fields: dict[str, int], says: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        tiny(**fields)
    assert str(refused.value) == says


def test_a_config_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"a":' * 200_000)
    with pytest.raises(checkpoint.CheckpointError, match="it is nested too deeply to be read"):
        checkpoint.load(tmp_path)


PUBLISHED_PARAMETERS = {
    "llama-2-7b": 6_738_415_616,
    "llama-2-13b": 13_015_864_320,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "llama-3-70b": 70_553_706_496,
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.1-70b": 70_553_706_496,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.2-3b": 3_212_749_824,
    "codellama-7b": 6_738_546_688,
    "codellama-13b": 13_016_028_160,
    "codellama-34b": 33_743_970_304,
    "mistral-7b": 7_241_732_096,
    "tinyllama-1.1b": 1_100_048_384,
    "15m": 15_191_712,
}


@pytest.mark.parametrize("name", PUBLISHED_PARAMETERS)
def test_a_known_shape_has_the_parameters_that_were_published(name: str) -> None:
    assert SHAPES[name].parameters == PUBLISHED_PARAMETERS[name]


@pytest.mark.parametrize("name", SHAPES)
def test_every_known_shape_survives_a_config_json(name: str) -> None:
    fields = json.loads(json.dumps(SHAPES[name].to_hugging_face()))
    assert Config.from_hugging_face(fields) == SHAPES[name]


# --- Which tokens end a text -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "generation", "stops"),
    [
        ({"eos_token_id": 2}, None, {2}),
        ({"eos_token_id": [7, 9]}, None, {7, 9}),
        ({"eos_token_id": 2}, {"eos_token_id": [7, 9]}, {7, 9}),
        ({"eos_token_id": 2}, {}, {2}),
        ({}, None, set()),
        ({"eos_token_id": None}, {"eos_token_id": None}, set()),
    ],
)
def test_the_tokens_that_end_a_text(
    tmp_path: Path, config: dict, generation: dict | None, stops: set[int]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    if generation is not None:
        (tmp_path / "generation_config.json").write_text(json.dumps(generation))
    assert checkpoint.stop_tokens(tmp_path) == stops


@pytest.mark.parametrize("said", ["2", -1, [2, "x"], {"a": 1}, 1.5])
def test_an_end_that_is_no_token_is_refused(tmp_path: Path, said: object) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"eos_token_id": said}))
    with pytest.raises(checkpoint.CheckpointError) as refused:
        checkpoint.stop_tokens(tmp_path)
    assert str(refused.value) == f"{path}: eos_token_id is {said!r}, which is no token"


def test_a_run_beyond_the_window_is_refused_before_anything_is_loaded() -> None:
    """Mistral-7B has 32768 positions, of which a token sees the last 4096."""
    settings = Settings("baseline", model="random:mistral-7b", prompt="Hello", new_tokens=4090)
    with pytest.raises(
        UsageError, match="and random:mistral-7b has 4096 within its sliding window"
    ):
        plan(replace(settings, new_tokens=4097))
    assert plan(settings).length == 4096
