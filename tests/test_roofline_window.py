"""A sliding window: what lies before it is neither read, nor multiplied, nor kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from roofline_builders import SMALL, device, plan

from workshop.roofline.errors import RooflineError
from workshop.roofline.inference import Prediction, predict
from workshop.roofline.memory import kv_bytes_per_token, memory_of
from workshop.roofline.models import find_model, from_hugging_face
from workshop.roofline.shape import Shape
from workshop.roofline.training import attention_flop
from workshop.roofline.workload import Workload

MISTRAL = {
    "model_type": "mistral",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 32000,
    "max_position_embeddings": 32768,
    "sliding_window": 4096,
}


def windowed(window: int | None) -> Shape:
    return replace(SMALL, window=window)


def of(shape: Shape, prompt: int, new_tokens: int = 20) -> Prediction:
    return predict(shape, device(), Workload(4, prompt, new_tokens), plan())


@given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 40))
def test_the_tokens_that_are_seen_are_those_that_counting_finds(
    past: int, tokens: int, window: int
) -> None:
    counted = [min(past + i, window) for i in range(1, tokens + 1)]
    assert windowed(window).seen(past, tokens) == pytest.approx(sum(counted) / tokens)
    everything = sum(range(past + 1, past + tokens + 1)) / tokens
    assert windowed(None).seen(past, tokens) == pytest.approx(everything)


@given(st.integers(1, 500), st.integers(1, 500))
def test_a_window_that_is_never_full_changes_nothing(prompt: int, new_tokens: int) -> None:
    assert of(windowed(1000), prompt, new_tokens) == of(windowed(None), prompt, new_tokens)


def test_beyond_the_window_a_step_takes_no_longer_and_the_cache_does_not_grow() -> None:
    shape = windowed(256)
    near, far = of(shape, 256), of(shape, 10_000)
    assert far.tpot_seconds == pytest.approx(near.tpot_seconds)
    assert far.kv_cache_gb == near.kv_cache_gb
    assert of(windowed(None), 10_000).tpot_seconds > far.tpot_seconds
    assert far.ttft_seconds < of(windowed(None), 10_000).ttft_seconds
    token = kv_bytes_per_token(shape, plan())
    assert memory_of(shape, plan(), Workload(3, 10_000, 20)).kv_cache == 3 * 256 * token


def test_training_on_longer_texts_multiplies_within_the_window() -> None:
    whole, part = (attention_flop(windowed(one), 1000) for one in (None, 100))
    assert part / whole == pytest.approx((100 * 50.5 + 900 * 100) / (1000 * 500.5))


def test_mistrals_first_version_has_a_window_and_its_third_has_none() -> None:
    first = from_hugging_face(MISTRAL, "mistral-7b")
    assert first == find_model("mistral-7b")
    assert first.window == 4096
    later = from_hugging_face({**MISTRAL, "vocab_size": 32768, "sliding_window": None}, "x")
    assert replace(later, name="mistral-7b-v0.3") == find_model("mistral-7b-v0.3")
    silent = {key: value for key, value in MISTRAL.items() if key != "sliding_window"}
    assert from_hugging_face(silent, "mistral-7b").window == 4096


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sliding_window": "wide"}, "window of x must be a whole number above 0, not 'wide'"),
        ({"model_type": "qwen2", "use_sliding_window": True}, "only some of its layers"),
        ({"layer_types": ["sliding_attention", "full_attention"]}, "only some of its layers"),
        ({"model_type": "mixtral", "num_local_experts": 8}, "a mixture of 8 experts, .* predicted"),
        ({"model_type": "qwen3", "num_experts": 128}, "a mixture of 128 experts"),
        ({"model_type": "deepseek_v3", "n_routed_experts": 256}, "a mixture of 256 experts"),
    ],
)
def test_what_cannot_be_counted_right_is_refused_in_a_sentence(
    fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(RooflineError, match=said):
        from_hugging_face({**MISTRAL, **fields}, "x")
