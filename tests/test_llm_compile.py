"""Compiled steps: the same tokens as eager ones, from few graphs, none of them made twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
import torch
from llm_builders import TINY, furthest, generated, joined, random_llama, random_tokens, tiny
from torch._inductor.utils import run_and_get_code

from workshop.llm import generate
from workshop.llm.cache import StaticCache
from workshop.llm.compile import (
    ALWAYS,
    PLAIN,
    How,
    compiled_decode,
    compiled_prefill,
    compiled_steps,
    graph_breaks,
    graphs_compiled,
    how_to_compile,
)
from workshop.llm.generate import Steps
from workshop.llm.model import Llama
from workshop.llm.quantization.quantize import quantize
from workshop.llm.sampling import Sampler, Sampling
from workshop.llm.speculation.draft import DraftModel, propose_and_verify
from workshop.llm.speculation.lookahead import Lookahead
from workshop.llm.speculation.speculative import speculate

ROOM = 128
K = 3


@pytest.fixture(scope="module", autouse=True)
def breaks_before() -> Iterator[int]:
    """Begin as in a process of its own, whatever other tests have compiled; and end so."""
    torch._dynamo.reset()
    with torch.inference_mode():
        yield graph_breaks()
    torch._dynamo.reset()


@dataclass
class Generator:
    """A model with all that a generation takes, eager or compiled."""

    model: Llama
    cache: StaticCache
    steps: Steps

    def say(self, prompt: list[int], new_tokens: int) -> list[int]:
        return generated(self.model, self.cache, prompt, new_tokens, self.steps)


@dataclass
class Speculator:
    """The same, with a draft model, and with an eager prefill, which is tested without one."""

    model: Llama
    cache: StaticCache
    proposer: DraftModel
    temperature: float
    graphs: int = 0  # compiled by the warm-up

    def say(self, prompt: list[int], new_tokens: int, seed: int = 0) -> list[list[int]]:
        """The tokens of each pass."""
        return list(
            speculate(
                Steps(),
                self.model,
                self.cache,
                self.proposer,
                prompt,
                new_tokens,
                Lookahead(K),
                Sampler(self.temperature, self.model.config.vocab, seed),
            )
        )


def static(model: Llama) -> StaticCache:
    return StaticCache(model.config, 1, ROOM, torch.float32)


def first_layer_of(model: Llama) -> Llama:
    """A draft that agrees with ``model`` now and then."""
    draft = random_llama(tiny(layers=1))
    draft.load_state_dict(model.state_dict(), strict=False)
    return draft


@contextmanager
def nothing_compiled() -> Iterator[None]:
    """In here, whatever needs another graph is an error."""
    graphs = graphs_compiled()
    with torch.compiler.set_stance("fail_on_recompile"):
        yield
    assert graphs_compiled() == graphs


@pytest.fixture(scope="module")
def eager() -> Generator:
    model = random_llama()
    return Generator(model, static(model), Steps())


@pytest.fixture(scope="module")
def graphs_before() -> int:
    return graphs_compiled()


@pytest.fixture(scope="module")
def compiled(eager: Generator, graphs_before: int) -> Generator:
    """Warmed up as a measurement is: by one short generation."""
    generator = Generator(eager.model, static(eager.model), compiled_steps())
    generator.say(random_tokens(6), 4)
    return generator


@pytest.fixture(scope="module", params=[0.0, 0.8], ids=["greedy", "drawing"])
def eager_speculator(request: pytest.FixtureRequest) -> Speculator:
    model = random_llama()
    draft = first_layer_of(model)
    proposer = DraftModel(draft, static(draft), Steps())
    return Speculator(model, static(model), proposer, request.param)


@pytest.fixture(scope="module")
def compiled_speculator(eager_speculator: Speculator) -> Speculator:
    """Warmed up in the same way."""
    model, draft = eager_speculator.model, eager_speculator.proposer.model
    speculator = Speculator(
        model,
        static(model),
        DraftModel(draft, static(draft), Steps(), compiled_decode(propose_and_verify)),
        eager_speculator.temperature,
    )
    graphs = graphs_compiled()
    speculator.say(random_tokens(6), 12)
    return replace(speculator, graphs=graphs_compiled() - graphs)


def test_a_generation_takes_two_graphs_prefill_and_decode(
    graphs_before: int, compiled: Generator
) -> None:
    assert graphs_compiled() == graphs_before + 2


@pytest.mark.parametrize("length", [2, 6, 31])
def test_compiled_steps_say_what_eager_ones_say(
    eager: Generator, compiled: Generator, length: int
) -> None:
    """The same tokens, and the same keys and values in every layer."""
    prompt = random_tokens(length, seed=length)
    with nothing_compiled():
        said = compiled.say(prompt, 40)
    assert said == eager.say(prompt, 40)
    written = length + 39
    for ours, theirs in zip(compiled.cache.buffers(), eager.cache.buffers(), strict=True):
        assert theirs[:, :, :written].abs().amax(dim=(0, 1, 3)).min() > 0
        assert furthest(ours[:, :, :written], theirs[:, :, :written]) < 2e-5


def test_nothing_is_compiled_after_the_warm_up(compiled: Generator) -> None:
    """Neither again, nor for other prompts of two tokens or more, nor up to the last position."""
    with nothing_compiled():
        for length in (6, 6, 2, 3, 40, 100):
            new_tokens = ROOM - length + 1  # the last one is said and never read
            said = compiled.say(random_tokens(length, seed=length), new_tokens)
            assert len(said) == new_tokens


def test_a_prompt_of_one_token_needs_a_graph_of_its_own(compiled: Generator) -> None:
    """torch.compile takes a size of one for a constant, also where sizes are dynamic."""
    with pytest.raises(RuntimeError, match="recompile"), nothing_compiled():
        compiled.say([7], 2)


def test_another_temperature_needs_graphs_of_its_own(compiled_speculator: Speculator) -> None:
    """It is a number built into a graph of fixed shapes; a run has one temperature."""
    warmer = replace(compiled_speculator, temperature=1.5)
    with pytest.raises(RuntimeError, match="recompile"), nothing_compiled():
        warmer.say(random_tokens(6), 4)


def test_a_pass_of_speculation_is_one_graph_draft_and_verifier_together(
    compiled_speculator: Speculator,
) -> None:
    """However much of the last proposal was kept, both read the same number of tokens."""
    assert compiled_speculator.graphs == 1


def test_compiled_speculation_says_what_the_eager_one_says(
    eager_speculator: Speculator, compiled_speculator: Speculator
) -> None:
    """Pass by pass, with the same noise."""
    sizes = set()
    for seed in (1, 2, 3):
        prompt = random_tokens(9, seed=seed)
        with nothing_compiled():
            passes = compiled_speculator.say(prompt, 50, seed)
        assert passes == eager_speculator.say(prompt, 50, seed)
        sizes |= {len(part) for part in passes[1:]}
    assert sizes >= {1, 2, 3}, "some is kept, and some is not"


def test_nothing_is_compiled_for_speculation_after_the_warm_up(
    compiled_speculator: Speculator,
) -> None:
    """Nor for other prompts and seeds, nor however much of a proposal is kept."""
    sizes = set()
    with nothing_compiled():
        for length in (6, 2, 40):
            for seed in (1, 2):
                passes = compiled_speculator.say(random_tokens(length, seed=seed), 80, seed)
                assert len(joined(passes)) >= 80
                sizes |= {len(part) for part in passes[1:]}
    assert sizes >= {1, 2, 3}


def test_nothing_left_a_graph(breaks_before: int, compiled_speculator: Speculator) -> None:
    assert graph_breaks() == breaks_before


def test_leaving_a_graph_is_an_error() -> None:
    """``fullgraph``: not a slow surprise."""

    def leaves(model: None, cache: None, tokens: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        torch._dynamo.graph_break()  # as printing a tensor would be
        return tokens - 1

    for compiled_as in (compiled_prefill, compiled_decode):
        with pytest.raises(torch._dynamo.exc.Unsupported):
            compiled_as(leaves)(None, None, torch.ones(1, 3), torch.arange(3))


GPU = torch.device("cuda")


def test_auto_means_cuda_graphs_on_a_gpu_and_nothing_special_elsewhere() -> None:
    assert how_to_compile("auto", GPU) == how_to_compile("reduce-overhead", GPU)
    assert how_to_compile("auto", GPU).cuda_graphs
    for device in ("cpu", "mps"):
        assert how_to_compile("auto", torch.device(device)) == PLAIN
        assert how_to_compile("reduce-overhead", torch.device(device)) == PLAIN


def test_options_are_those_that_torch_knows_by_the_names_of_its_modes() -> None:
    """On a GPU with tuning in every mode: without it, products convert int8 in memory."""
    tuned = {"coordinate_descent_tuning": True}
    for mode in ("default", "reduce-overhead", "max-autotune"):
        known = torch._inductor.list_mode_options(mode)
        assert how_to_compile(mode, GPU).options() == known | tuned | ALWAYS
    no_graphs = torch._inductor.list_mode_options("max-autotune-no-cudagraphs") | ALWAYS
    assert how_to_compile("max-autotune", torch.device("cpu")).options().keys() <= no_graphs.keys()
    assert ALWAYS.keys() <= set(torch._inductor.list_options())


def test_the_next_run_of_a_cuda_graph_writes_over_nothing_that_was_given_out() -> None:
    """A graph's output lies at one place: here, the same input, as a graph without a copy is."""
    place = torch.zeros(3)

    def play_back(graph: torch.Tensor, value: int) -> tuple[torch.Tensor, int]:
        return graph.fill_(value), value

    step = compiled_decode(play_back, How(cuda_graphs=True))
    (first, _), (second, _) = step(place, 1), step(place, 2)
    assert first.tolist() == [1, 1, 1]
    assert second.tolist() == [2, 2, 2]


def test_prefill_asks_for_no_cuda_graph() -> None:
    """One would be recorded for each length of a prompt."""
    how = how_to_compile("max-autotune", GPU)
    assert how.for_prefill == How(autotune=True)
    assert how_to_compile("reduce-overhead", GPU).for_prefill == PLAIN


def test_a_cache_is_made_of_buffers_which_cuda_graphs_take_to_stay(eager: Generator) -> None:
    before = [buffer.data_ptr() for buffer in eager.cache.buffers()]
    assert len(before) == 2 * TINY.layers
    eager.say(random_tokens(6), 20)
    eager.say(random_tokens(30), 20)
    assert [buffer.data_ptr() for buffer in eager.cache.buffers()] == before


def decode_in_int8(batch: int) -> str:
    """What a step of so many sequences is compiled to, in int8 and bf16."""
    model = random_llama(dtype=torch.bfloat16)
    quantize(model)
    cache = StaticCache(TINY, batch, ROOM, torch.bfloat16)
    step = (model, cache, torch.full((batch, 1), 5), torch.tensor([0]), Sampling(), None)
    _, code = run_and_get_code(compiled_decode(generate.decode), *step)
    return "\n".join(code)


def test_int8_layers_are_read_as_int8_by_the_loops_of_a_step() -> None:
    """No library is called, and no weight is turned into bf16 in memory first."""
    code = decode_in_int8(1)
    assert "extern_kernels" not in code.split("def call(")[1]
    assert "const int8_t*" in code
    in_bf16 = re.findall(r"empty_strided_cpu\(\((\d+), (\d+)\), .*torch\.bfloat16", code)
    assert [shape for shape in in_bf16 if "1" not in shape] == []


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="no SIMD here")
def test_of_a_batch_int8_layers_become_the_kernel_that_reads_int8() -> None:
    """In bf16, every linear layer: no weight is turned into bf16 in memory first."""
    assert len(re.findall(r"\b_weight_int8pack_mm\(", decode_in_int8(2))) == 2 * 7 + 1
