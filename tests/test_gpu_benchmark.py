"""benchmarks/gpu.py: what it says of its targets, and that it ends in time."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
import torch
from llm_builders import furthest, random_llama, random_tokens, read

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import gpu
import gpu_contenders
import gpu_targets
from contender import timed


def verdicts(speed: dict[str, float], ttft: dict[str, object]) -> dict[str, str]:
    found = gpu_targets.targets(speed, bytes_per_pass=10**9, copy_gb=1000.0, ttft=ttft)
    return {target.name: target.verdict for target in found}


def test_a_target_without_a_measurement_is_not_measured() -> None:
    assert set(verdicts({}, {}).values()) == {"not measured"}
    assert verdicts({"baseline": 10.0}, {})["best against baseline"] == "not measured"


def test_targets_are_met_or_not() -> None:
    speed = {"baseline": 20.0, "compile": 780.0, "compile + fuse": 850.0, "int8 + fuse": 1300.0}
    said = verdicts(speed | {"gpt-fast compile": 800.0}, {"512": first(0.02, 0.03)})
    assert said["compile against gpt-fast's"] == "met"  # by the best that is in bf16
    assert said["compile, share of copy bandwidth"] == "met"
    assert said["int8 against bf16"] == "not met"
    assert said["int4 against bf16"] == "not measured"
    assert said["best against baseline"] == "met"
    assert said["TTFT of 512 tokens, transformers' over ours"] == "met"
    late = verdicts(speed, {"512": first(0.03, 0.02)})
    assert late["TTFT of 512 tokens, transformers' over ours"] == "not met"


def first(ours: float, theirs: float) -> dict[str, dict[str, float]]:
    return {"ours": {"median": ours}, "transformers": {"median": theirs}}


def test_what_takes_too_long_is_ended_and_said() -> None:
    clock = gpu.Clock(60)
    with pytest.raises(gpu.OutOfTimeError) as ended, clock.within(0.05):
        time.sleep(5)
    assert clock.why(ended.value) == "there was no time left for it"
    with clock.within(5):
        pass
    assert clock.why(ValueError("no such thing\nat line 3")) == "no such thing"


def test_a_copy_with_the_same_weights_has_no_weights_of_its_own() -> None:
    model = random_llama()
    other = gpu_contenders.same_weights(model)
    assert other is not model
    ours, theirs = ([t.data_ptr() for t in m.state_dict().values()] for m in (model, other))
    assert ours == theirs


def test_transformers_runs_on_our_tensors_and_says_the_same() -> None:
    """Its streamer tells of each token: the first is the end of its TTFT."""
    from peers_transformers import transformers, with_weights_of

    model = random_llama()
    theirs = with_weights_of(model)
    tokens = random_tokens(7)
    with torch.inference_mode():
        expected = theirs(torch.tensor([tokens])).logits[0]
        assert furthest(read(model, tokens), expected) < 1e-4
        timing = timed(transformers(theirs, static=False), tokens, 4, torch.device("cpu"))
    assert timing.tokens == 4
    assert timing.ttft > 0
    assert timing.decode > 0
