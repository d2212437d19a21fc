"""Several sequences side by side, several steps in one graph, prompts filled up to buckets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from llm_builders import TINY, furthest, generated, random_llama, random_tokens, tiny
from torch import Tensor

from workshop.cli.options import RUN_OPTIONS, override, with_options
from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.compile import How, compiled_steps, graphs_compiled
from workshop.llm.config import Config
from workshop.llm.generate import (
    KVCache,
    Steps,
    bucket,
    decode,
    decode_many,
    generate_batch,
    prefill,
)
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler
from workshop.record.results import Continuation, Sample
from workshop.runner.assemble import Engine, Place, assemble
from workshop.runner.measure import SEEDS_APART, achieved, take_sample
from workshop.slurm.job.submit import run_options
from workshop.stages import settings_of
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

RAGGED = [random_tokens(length, seed=length) for length in (7, 2, 12, 1)]
NEW = 20
ROOM = 64

either_cache = pytest.mark.parametrize("kind", ["growing", "static"])
greedy_and_drawn = pytest.mark.parametrize("temperature", [0.0, 0.9], ids=["greedy", "drawn"])


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def cache_of(kind: str, config: Config, batch: int, ragged: bool = True) -> KVCache:
    if kind == "growing":
        return GrowingCache(config)
    return StaticCache(config, batch, ROOM, torch.float32, ragged=ragged)


def side_by_side(
    model: Llama,
    cache: KVCache,
    prompts: Sequence[list[int]],
    steps: Steps | None = None,
    temperature: float = 0.0,
    new_tokens: int = NEW,
) -> list[list[int]]:
    """The new tokens of each sequence, the i-th drawn with the seed i."""
    samplers = [Sampler(temperature, model.config.vocab, seed) for seed in range(len(prompts))]
    said: list[list[int]] = [[] for _ in prompts]
    for rows in generate_batch(steps or Steps(), model, cache, prompts, new_tokens, samplers):
        for tokens, row in zip(said, rows, strict=True):
            tokens += row
    return said


def one_by_one(
    model: Llama, prompts: Sequence[list[int]], temperature: float = 0.0
) -> list[list[int]]:
    return [
        generated(model, GrowingCache(model.config), prompt, NEW, None, temperature, seed)
        for seed, prompt in enumerate(prompts)
    ]


@either_cache
@greedy_and_drawn
def test_each_sequence_of_a_batch_says_what_it_says_alone(kind: str, temperature: float) -> None:
    """Whatever the lengths of the others' prompts are, and whatever randomness they draw."""
    model = random_llama()
    alone = one_by_one(model, RAGGED, temperature)
    together = side_by_side(model, cache_of(kind, TINY, 4), RAGGED, temperature=temperature)
    assert together == alone
    some = RAGGED[:3]
    assert side_by_side(model, cache_of(kind, TINY, 3), some, temperature=temperature) == alone[:3]


@either_cache
def test_what_an_earlier_batch_left_behind_is_never_seen(kind: str) -> None:
    model, cache = random_llama(), cache_of(kind, TINY, 2)
    side_by_side(model, cache, [random_tokens(30, seed=1), random_tokens(4, seed=2)])
    for prompts in ([RAGGED[1], RAGGED[0]], [RAGGED[0], RAGGED[0]]):
        assert side_by_side(model, cache, prompts) == one_by_one(model, prompts)


def test_padding_moves_no_position_and_is_not_attended_to() -> None:
    """The logits are those of the text alone, to the rounding of the sums."""
    model, tokens = random_llama(), random_tokens(10)
    cache = StaticCache(TINY, 2, ROOM, torch.float32, ragged=True)
    cache.clear(torch.tensor([6, 0]))
    rows = torch.tensor([[3] * 6 + tokens, random_tokens(16, seed=5)])
    padded = model(rows, torch.arange(16), cache)[0, 6:]
    assert furthest(padded, model(torch.tensor([tokens]), torch.arange(10))[0]) < 1e-5
    assert all(bool(buffer.isfinite().all()) for buffer in cache.buffers())


def test_a_cache_for_equal_prompts_refuses_others() -> None:
    cache = StaticCache(TINY, 2, ROOM, torch.float32)
    with pytest.raises(ValueError, match="different lengths"):
        side_by_side(random_llama(), cache, RAGGED[:2])


def test_equal_prompts_cost_a_step_nothing_more() -> None:
    """The mask has no dimension for the batch, and positions are those of the cache."""
    cache, at = StaticCache(TINY, 4, ROOM, torch.float32), torch.tensor([5])
    assert cache.mask(at).shape == (1, ROOM)
    assert cache.places(at) is at


def test_sequences_and_samples_draw_from_different_seeds() -> None:
    """Also in their lower 32 bits, which are all that torch's generator takes."""
    seeds = [s + b * SEEDS_APART for s in range(50) for b in range(64)]
    assert len({seed % 2**32 for seed in seeds}) == len(seeds)
    first, again = (torch.Generator().manual_seed(seed) for seed in (1, 1 + 2**32))
    assert torch.equal(torch.rand(4, generator=first), torch.rand(4, generator=again))


@either_cache
@greedy_and_drawn
@pytest.mark.parametrize("at_once", [2, 3, 19, 32])
def test_steps_in_one_graph_say_what_single_steps_say(
    kind: str, temperature: float, at_once: int
) -> None:
    """Nineteen later tokens: two at once go one too far, 32 at once thirteen."""
    model, prompts = random_llama(), RAGGED[:2]
    steps = Steps(decode=decode_many(at_once), at_once=at_once)
    said = side_by_side(model, cache_of(kind, TINY, 2), prompts, steps, temperature)
    overshoot = -(NEW - 1) % at_once
    assert {len(tokens) for tokens in said} == {NEW + overshoot}
    assert [tokens[:NEW] for tokens in said] == one_by_one(model, prompts, temperature)


def traced(function: Any) -> Any:
    """Compiled as for Inductor; what it would make of the trace is not the point here."""
    return torch.compile(function, backend="eager", fullgraph=True, dynamic=False)


def traced_for_every_length(function: Any) -> Any:
    compiled = torch.compile(function, backend="eager", fullgraph=True)

    def run(model: Llama, cache: KVCache, tokens: Tensor, positions: Tensor, *rest: Any) -> Any:
        torch._dynamo.maybe_mark_dynamic(tokens, 1)
        torch._dynamo.maybe_mark_dynamic(positions, 0)
        return compiled(model, cache, tokens, positions, *rest)

    return run


@contextmanager
def nothing_compiled() -> Iterator[None]:
    graphs = graphs_compiled()
    with torch.compiler.set_stance("fail_on_recompile"):
        yield
    assert graphs_compiled() == graphs


@pytest.fixture
def one_layer() -> Iterator[Llama]:
    torch._dynamo.reset()
    yield random_llama(tiny(layers=1))
    torch._dynamo.reset()


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_prompt_sample_or_position_compiles_anything_again(
    one_layer: Llama, at_once: int
) -> None:
    cache = StaticCache(one_layer.config, 2, ROOM, torch.float32, ragged=True)
    steps = Steps(traced_for_every_length(prefill), traced(decode_many(at_once)), at_once)
    graphs = graphs_compiled()
    side_by_side(one_layer, cache, [RAGGED[0], RAGGED[1]], steps, 0.8)
    assert graphs_compiled() == graphs + 2
    with nothing_compiled():
        for long, short in [(7, 3), (12, 12), (33, 2), (3, 2)]:
            prompts = [random_tokens(long, seed=1), random_tokens(short, seed=2)]
            said = side_by_side(one_layer, cache, prompts, steps, 0.8)
            assert [tokens[:NEW] for tokens in said] == one_by_one(one_layer, prompts, 0.8)


def test_with_buckets_a_prefill_is_compiled_once_for_each(one_layer: Llama) -> None:
    cache = StaticCache(one_layer.config, 1, ROOM, torch.float32)
    steps = Steps(traced(prefill), traced(decode), buckets=True)
    graphs = graphs_compiled()
    for length in (10, 20, 40):
        side_by_side(one_layer, cache, [random_tokens(length)], steps)
    assert graphs_compiled() == graphs + 4  # and one for decode
    with nothing_compiled():
        for length in (1, 2, 15, 16, 17, 32, 33, 44):
            prompt = random_tokens(length, seed=length)
            assert side_by_side(one_layer, cache, [prompt], steps) == one_by_one(
                one_layer, [prompt]
            )


def test_prompts_are_filled_up_where_cuda_graphs_are_recorded_and_nowhere_else() -> None:
    assert compiled_steps(how=How(cuda_graphs=True)).buckets
    assert not compiled_steps().buckets
    assert not Steps().buckets


@greedy_and_drawn
def test_a_prompt_in_a_bucket_is_read_as_it_is_without(temperature: float) -> None:
    model = random_llama()
    for prompts in ([RAGGED[2]], RAGGED[:3], [RAGGED[3]], [random_tokens(44)]):
        cache = StaticCache(TINY, len(prompts), ROOM, torch.float32, ragged=True)
        said = side_by_side(model, cache, prompts, Steps(buckets=True), temperature)
        assert said == one_by_one(model, prompts, temperature)


def test_with_buckets_a_prefill_has_few_shapes() -> None:
    """So few CUDA graphs are recorded, whatever the prompts are."""
    shapes = set()

    def watched(model: Llama, cache: KVCache, tokens: Tensor, *rest: object) -> Tensor:
        shapes.add(tuple(tokens.shape))
        return prefill(model, cache, tokens, *rest)  # type: ignore[arg-type]

    model, cache = random_llama(tiny(layers=1)), StaticCache(TINY, 1, ROOM, torch.float32)
    for length in range(1, ROOM):
        side_by_side(model, cache, [random_tokens(length)], Steps(watched, buckets=True), 0, 1)
    assert shapes == {(1, 16), (1, 32), (1, 64)}


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_bucket_holds_the_prompt_and_fits_the_cache(length: int, most: int) -> None:
    room = bucket(length, max(length, most))
    assert length <= room <= max(length, most)
    assert room in (16, max(length, most)) or room < 2 * length


# What a run makes of it


def engine_of(settings: Settings, stop: frozenset[int] = frozenset()) -> Engine:
    return replace(assemble(settings, Place(torch.device("cpu"))), stop=stop)


def said(settings: Settings, engine: Engine) -> Sample:
    return take_sample(settings, Place(torch.device("cpu")), engine, engine.prompts, settings.seed)


def asked(**changes: object) -> Settings:
    plain = replace(settings_of("baseline"), model="tiny:1", dtype="float32", new_tokens=24)
    return replace(plain, **changes)  # type: ignore[arg-type]


def rows_of(sample: Sample) -> list[list[int]]:
    return [sample.tokens, *(other.tokens for other in sample.beside)]


def test_sequences_take_the_prompts_in_turn() -> None:
    engine = engine_of(asked(batch_size=5, prompts=("Once there was a dog",)))
    first, second = engine.prompts[:2]
    assert first != second
    assert engine.prompts == [first, second, first, second, first]
    assert len(engine_of(asked(prompts=("Tom", "Once"))).prompts) == 3


@pytest.mark.parametrize("decode_steps", [1, 4])
def test_nothing_follows_the_end_of_a_text_and_the_batch_goes_on(decode_steps: int) -> None:
    settings = asked(prompts=("Once there was a",), decode_steps=decode_steps)
    whole = rows_of(said(settings, engine_of(settings)))
    stop = whole[1][6]
    assert stop not in whole[1][:6]
    sample = said(settings, engine_of(settings, frozenset({stop})))
    expected = [row[: row.index(stop) + 1] if stop in row else row for row in whole]
    assert rows_of(sample) == expected
    assert len(sample.beside[0].tokens) == 7
    assert sample.lengths == [len(row) for row in expected]


def test_speed_is_told_for_one_sequence_and_for_all() -> None:
    sample = Sample(0.1, 2.0, [1] * 21, "", beside=[Continuation([1] * 11, "")])
    assert sample.total_tokens_per_second == 15  # 20 and 10 tokens in two seconds
    assert sample.tokens_per_second == 7.5
    assert sample.tpot_seconds == pytest.approx(1 / 7.5)
    alone = Sample(0.1, 2.0, [1] * 21, "")
    assert alone.total_tokens_per_second == alone.tokens_per_second == 10


def test_bandwidth_counts_the_weights_once_for_all_sequences_and_every_pass_that_ran() -> None:
    engine = engine_of(asked(decode_steps=8))
    sample = Sample(0.1, 2.0, [1] * 11, "", beside=[Continuation([1] * 20, "")])
    # 19 later tokens, eight passes at a time
    assert achieved(engine, sample) == pytest.approx(24 * engine.bytes_per_pass / 2.0 / 1e9)


def test_a_cache_has_room_for_the_steps_past_the_end() -> None:
    """And a model whose context has none refuses the run."""
    settings = asked(compile=False, decode_steps=64)
    context = engine_of(settings).model.config.positions
    prompt = len(engine_of(settings).prompts[0])
    most = context - prompt - 63
    engine_of(replace(settings, new_tokens=most))
    with pytest.raises(UsageError, match=f"use --new-tokens {most} "):
        engine_of(replace(settings, new_tokens=most + 1))


# How it is asked for


def settings_by(*arguments: str) -> Settings:
    """The settings that a command with these options would run."""
    taken: dict[str, object] = {}

    @click.command()
    @with_options(RUN_OPTIONS)
    def command(**options: object) -> None:
        taken.update(options)

    command.main(list(arguments), standalone_mode=False)
    return override(settings_of("compile"), taken)


def test_a_prompt_can_be_given_several_times() -> None:
    assert settings_by() == settings_of("compile")
    one = settings_by("--prompt", "Tom")
    assert (one.prompt, one.prompts) == ("Tom", ())
    three = settings_by("--prompt", "Tom", "--prompt", "Once", "--prompt", "It's a -x 'y'")
    assert (three.prompt, three.prompts) == ("Tom", ("Once", "It's a -x 'y'"))


def test_prompts_reach_a_job_in_their_order() -> None:
    for texts in (["Tom"], ["Hello, my name is", "a --b"], ["Tom", "Tom", ""]):
        words = [word for text in texts for word in ("--prompt", text)]
        settings = settings_by(*words)
        assert settings_by(*run_options(settings)) == settings
    assert run_options(settings_of("compile")) == []
