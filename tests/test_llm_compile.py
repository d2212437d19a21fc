"""Compiled steps: the same tokens as eager ones, from few graphs, none of them made twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import torch
from llm_builders import TINY, furthest, generated, joined, random_llama, random_tokens, tiny
from torch._inductor.utils import run_and_get_code

from workshop.llm import generate, speculative
from workshop.llm.cache import StaticCache
from workshop.llm.compile import (
    compiled_decode,
    compiled_prefill,
    compiled_steps,
    graph_breaks,
    graphs_compiled,
)
from workshop.llm.generate import Steps
from workshop.llm.model import Llama
from workshop.llm.quantize import quantize
from workshop.llm.sampling import Sampler
from workshop.llm.speculative import DraftModel, Propose, Verify, speculate

ROOM = 128
TEMPERATURE = 0.8  # of every generation here: drawing is the longer graph
DRAFT = tiny(dim=32, layers=1, hidden=48)
K = 3


def static() -> StaticCache:
    return StaticCache(TINY, 1, ROOM, torch.float32)


@contextmanager
def nothing_compiled() -> Iterator[None]:
    """In here, whatever would need a new graph is an error, and none is made unseen."""
    graphs = graphs_compiled()
    with torch.compiler.set_stance("fail_on_recompile"):
        yield
    assert graphs_compiled() == graphs


@dataclass
class Compiled:
    """A model, its cache, and compiled steps that have been warmed up."""

    model: Llama
    cache: StaticCache
    steps: Steps
    warm_up_graphs: int


@pytest.fixture(scope="module", autouse=True)
def fresh() -> Iterator[None]:
    """As in a process of its own, whatever other tests have compiled; and so afterwards."""
    torch._dynamo.reset()
    with torch.inference_mode():
        yield
    torch._dynamo.reset()


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    """Warmed up as a measurement is: by one short generation."""
    model, cache, steps = random_llama(), static(), compiled_steps()
    before = graphs_compiled()
    generated(model, cache, random_tokens(6), 4, steps, TEMPERATURE)
    return Compiled(model, cache, steps, graphs_compiled() - before)


@pytest.fixture(scope="module")
def drafted(compiled: Compiled) -> DraftModel:
    """A compiled proposer; ``speculate`` below has warmed it up."""
    cache = StaticCache(DRAFT, 1, ROOM, torch.float32)
    draft = random_llama(DRAFT, seed=1)
    # Near enough to the model that some is kept and some is not: its head on the same embedding.
    return DraftModel(
        draft, cache, compiled_prefill(generate.prefill), compiled_decode(speculative.propose)
    )


@pytest.fixture(scope="module")
def verify(compiled: Compiled, drafted: DraftModel) -> Verify:
    """A compiled verifier's pass, warmed up together with the proposer by one generation."""
    verify = compiled_decode(speculative.verify)
    speculated(compiled.steps, verify, compiled, drafted, random_tokens(6), 8, seed=0)
    return verify


def speculated(
    steps: Steps,
    verify: Verify,
    compiled: Compiled,
    proposer: DraftModel,
    prompt: list[int],
    new_tokens: int,
    seed: int,
) -> list[list[int]]:
    sampler = Sampler(TEMPERATURE, TINY.vocab, seed)
    return list(
        speculate(
            steps, verify, compiled.model, compiled.cache, proposer, prompt, new_tokens, K, sampler
        )
    )


def eager_proposer(draft: Llama, propose: Propose = speculative.propose) -> DraftModel:
    cache = StaticCache(DRAFT, 1, ROOM, torch.float32)
    return DraftModel(draft, cache, generate.prefill, propose)


def test_a_generation_takes_two_graphs_prefill_and_decode(compiled: Compiled) -> None:
    assert compiled.warm_up_graphs == 2


@pytest.mark.parametrize("length", [2, 6, 31])
def test_compiled_steps_say_what_eager_ones_say(compiled: Compiled, length: int) -> None:
    """The same tokens, drawn with the same noise; and the same keys and values in every layer."""
    prompt, seed = random_tokens(length, seed=length), length
    eager = static()
    expected = generated(compiled.model, eager, prompt, 40, Steps(), TEMPERATURE, seed)
    got = generated(compiled.model, compiled.cache, prompt, 40, compiled.steps, TEMPERATURE, seed)
    assert got == expected
    written = length + 39
    for ours, theirs in zip(compiled.cache.buffers(), eager.buffers(), strict=True):
        assert theirs[:, :, :written].abs().amax(dim=(0, 1, 3)).min() > 0
        assert furthest(ours[:, :, :written], theirs[:, :, :written]) < 2e-5


def test_nothing_is_compiled_after_the_warm_up(compiled: Compiled) -> None:
    """Not for other seeds, other prompts of two tokens or more, nor up to the last position."""
    with nothing_compiled():
        for length in (6, 2, 3, 40, 100):
            for seed in (1, 2):
                prompt = random_tokens(length, seed=seed)
                new_tokens = ROOM - length + 1  # the last one is said and never read
                said = generated(
                    compiled.model,
                    compiled.cache,
                    prompt,
                    new_tokens,
                    compiled.steps,
                    TEMPERATURE,
                    seed,
                )
                assert len(said) == new_tokens


def test_a_prompt_of_one_token_needs_a_graph_of_its_own(compiled: Compiled) -> None:
    """torch.compile takes a size of one for a constant, also where sizes are dynamic."""
    with (
        pytest.raises(RuntimeError, match="recompile"),
        torch.compiler.set_stance("fail_on_recompile"),
    ):
        generated(compiled.model, compiled.cache, [7], 2, compiled.steps, TEMPERATURE)


def test_another_temperature_needs_no_new_prefill_but_a_new_decode(compiled: Compiled) -> None:
    """A number that is given to decode is built into its graph; a run has one temperature."""
    with torch.compiler.set_stance("fail_on_recompile"):
        generated(compiled.model, compiled.cache, random_tokens(6), 1, compiled.steps, 0.5)
        with pytest.raises(RuntimeError, match="recompile"):
            generated(compiled.model, compiled.cache, random_tokens(6), 2, compiled.steps, 0.5)


def test_compiled_speculation_says_what_the_eager_one_says(
    compiled: Compiled, drafted: DraftModel, verify: Verify
) -> None:
    for seed in (1, 2, 3):
        prompt = random_tokens(9, seed=seed)
        expected = speculated(
            Steps(), speculative.verify, compiled, eager_proposer(drafted.model), prompt, 50, seed
        )
        got = speculated(compiled.steps, verify, compiled, drafted, prompt, 50, seed)
        assert got == expected
        assert {len(part) for part in got} > {1, 2}, "some is kept, and some is not"


def test_nothing_is_compiled_for_speculation_after_the_warm_up(
    compiled: Compiled, drafted: DraftModel, verify: Verify
) -> None:
    """However much of a proposal is kept: both models read always the same number of tokens."""
    kept = set()
    with nothing_compiled():
        for length in (6, 2, 40):
            for seed in (1, 2):
                prompt = random_tokens(length, seed=seed)
                parts = speculated(compiled.steps, verify, compiled, drafted, prompt, 80, seed)
                assert len(joined(parts)) >= 80
                kept |= {len(part) - 1 for part in parts[1:]}
    assert len(kept) >= 3


def test_int8_layers_become_the_kernel_that_reads_int8() -> None:
    """In bf16, every linear layer: the weights are not turned into bf16 in memory first."""
    model = random_llama(dtype=torch.bfloat16)
    quantize(model)
    cache = StaticCache(TINY, 1, ROOM, torch.bfloat16)
    token, position = torch.tensor([[5]]), torch.tensor([0])
    decode = compiled_decode(generate.decode)
    said, code = run_and_get_code(decode, model, cache, token, position, 0.0, None)
    calls = sum(line.count("_weight_int8pack_mm") for text in code for line in text.splitlines())
    assert calls == 2 * 7 + 1
    assert said.shape == (1, 1)


def test_there_was_no_graph_break(compiled: Compiled, verify: Verify) -> None:
    assert graph_breaks() == 0


def test_a_break_in_a_graph_would_be_an_error() -> None:
    """``fullgraph``: a function that must leave its graph does not compile."""

    def reads_back(x: torch.Tensor) -> torch.Tensor:
        return x + 1 if x.sum().item() > 0 else x - 1

    for compiled_as in (compiled_prefill, compiled_decode):
        with pytest.raises(torch._dynamo.exc.Unsupported):
            compiled_as(reads_back)(torch.ones(3))
