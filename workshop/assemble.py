"""Settings to something that generates: model, caches, and steps put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from workshop.llm import parallel, quantize, speculative
from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.compile import compiled_decode, compiled_prefill, compiled_steps
from workshop.llm.generate import Steps, generate, prefill
from workshop.llm.model import Llama
from workshop.llm.sampling import Sampler
from workshop.llm.tokenizer import Tokenizer
from workshop.models import Source, config_of, find_draft, find_model, is_int8, load_model
from workshop.stages import Settings, UsageError

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


@dataclass(frozen=True)
class Place:
    """Which of the job's processes this one is, and the device it has."""

    device: torch.device
    rank: int = 0
    ranks: int = 1


Generate = Callable[[list[int], int, Sampler], Iterator[list[int]]]


@dataclass(frozen=True)
class Engine:
    """A model ready to generate.

    Attributes:
        prompt: what the settings ask to go on from, as token ids.
        generate: (prompt, new tokens, sampler) -> lists of new tokens.
        bytes_per_pass: bytes of weights that a decode pass reads, over all ranks: the verifier's,
            and the draft's for the k steps that go with it.
        stop: the token that ends a text; None where none does.
        memory_bytes: bytes of weights and KV caches, over all ranks.
        model_bytes: bytes of the model's own weights, over all ranks.
        draft_bytes: bytes of the draft's, on one rank.
    """

    model: Llama
    tokenizer: Tokenizer
    prompt: list[int]
    stop: int | None
    generate: Generate
    bytes_per_pass: int
    memory_bytes: int
    parameters: int
    draft_parameters: int | None
    model_bytes: int
    draft_bytes: int | None


@dataclass(frozen=True)
class Plan:
    """Settings that go together, with what they refer to; nothing heavy is loaded yet.

    Attributes:
        length: positions of the KV cache: prompt, new tokens and room for a draft, rounded up, so
            that there are few lengths and so few graphs.
    """

    source: Source
    draft: Source | None
    tokenizer: Tokenizer
    prompt: list[int]
    length: int


def plan(settings: Settings) -> Plan:
    """Check that settings can be run, reading no weights.

    Raises:
        UsageError: settings that cannot go together, or a prompt that does not fit.
        CheckpointError, TokenizerError: the model's files cannot be used.
        ParallelError: the model cannot be split over so many ranks.
    """
    source = find_model(settings.model)
    config = config_of(source)
    tokenizer = Tokenizer(source.tokenizer)
    if tokenizer.vocab > config.vocab:
        raise UsageError(
            f"{source.tokenizer} has {tokenizer.vocab} pieces and the model {config.vocab}: "
            "this is not the tokenizer that the model was trained with"
        )
    draft = None
    if settings.speculate == "draft":
        draft = find_draft(settings.model, settings.draft)
        check_draft(draft, source)
    elif settings.draft is not None:
        raise UsageError("--draft names a model that nothing uses: add --speculate draft")
    prompt = tokenizer.encode(settings.prompt)
    length = cache_length(settings, len(prompt), [source, draft] if draft else [source])
    if settings.quantize == "none" and is_int8(source):
        raise UsageError(
            f"{source.directory} is an int8 checkpoint: add --quantize int8, "
            "or name the checkpoint that it was made from"
        )
    parallel.check_divides(config, settings.ranks)
    return Plan(source, draft, tokenizer, prompt, length)


def cache_length(settings: Settings, prompt: int, sources: list[Source]) -> int:
    """Positions that a cache needs, rounded up; raises UsageError where a model has fewer."""
    # A proposal may go past the last new token.
    room = settings.draft_tokens + 1 if settings.speculate != "none" else 0
    needed = prompt + settings.new_tokens + room
    shortest = min(sources, key=lambda source: config_of(source).context)
    context = config_of(shortest).context
    if needed > context:
        raise UsageError(
            f"a prompt of {prompt} tokens and {settings.new_tokens} new ones need {needed} "
            f"positions, and {shortest.name} has {context}: "
            f"use --new-tokens {max(0, settings.new_tokens - needed + context)} "
            "or a shorter prompt"
        )
    return min(-(-needed // 64) * 64, context)


def check_draft(draft: Source, model: Source) -> None:
    """Raises UsageError where the two do not have the same tokens."""
    theirs, ours = config_of(draft).vocab, config_of(model).vocab
    if theirs != ours:
        raise UsageError(
            f"the draft {draft.name} has {theirs} tokens and {model.name} has {ours}: "
            "a draft must have the model's own tokenizer"
        )


def assemble(settings: Settings, place: Place) -> Engine:
    """Load, quantise, split and compile as the settings say; raises what ``plan`` raises."""
    planned = plan(settings)
    model = prepare(planned.source, settings, place)
    draft = None
    if planned.draft is not None:  # whole on every rank: it is too small to be worth splitting
        draft = prepare(planned.draft, settings, Place(place.device))
    run, cache_bytes = runner(settings, place, model, draft, planned)
    stop = None if settings.ignore_eos or planned.source.random else planned.tokenizer.eos
    reading = place.ranks * (reads(model) + (reads(draft) * settings.draft_tokens if draft else 0))
    weights = place.ranks * (stored(model) + (stored(draft) if draft else 0))
    return Engine(
        model=model,
        tokenizer=planned.tokenizer,
        prompt=planned.prompt,
        stop=stop,
        generate=run,
        bytes_per_pass=reading,
        memory_bytes=weights + cache_bytes * place.ranks,
        parameters=model.config.parameters,
        draft_parameters=draft.config.parameters if draft else None,
        model_bytes=stored(model) * place.ranks,
        draft_bytes=stored(draft) if draft else None,
    )


def prepare(source: Source, settings: Settings, place: Place) -> Llama:
    """Load a model, quantise it if asked to and not done before, keep this rank's part."""
    model = load_model(source, DTYPES[settings.dtype])
    if settings.quantize == "int8" and not quantize.is_quantized(model):
        quantize.quantize(model)
    if place.ranks > 1:
        parallel.shard(model, place.rank, place.ranks)
    return model.to(place.device)


def runner(
    settings: Settings,
    place: Place,
    model: Llama,
    draft: Llama | None,
    planned: Plan,
) -> tuple[Generate, int]:
    """What generates, and the bytes of its KV caches on this rank when they are full."""
    dtype = DTYPES[settings.dtype]
    steps = compiled_steps() if settings.compile else Steps()

    def static_cache(of: Llama, ranks: int = 1) -> StaticCache:
        return StaticCache(of.config, 1, planned.length, dtype, ranks).to(place.device)

    if not settings.static_cache:
        full = len(planned.prompt) + settings.new_tokens
        cache_bytes = model.config.kv_cache_bytes(1, full, dtype.itemsize) // place.ranks
        growing = GrowingCache(model.config)
        return (
            lambda prompt, new, sampler: generate(steps, model, growing, prompt, new, sampler),
            cache_bytes,
        )

    cache = static_cache(model, place.ranks)
    if settings.speculate == "none":
        return (
            lambda prompt, new, sampler: generate(steps, model, cache, prompt, new, sampler),
            stored(cache),
        )

    verify = compiled_decode(speculative.verify) if settings.compile else speculative.verify
    proposer: speculative.Proposer
    proposer_bytes = 0
    if draft is None:
        proposer = speculative.PromptLookup(model.config.vocab)
    else:
        draft_cache = static_cache(draft)
        proposer_bytes = stored(draft_cache)
        propose, read = speculative.propose, prefill
        if settings.compile:
            propose, read = compiled_decode(propose), compiled_prefill(read)
        proposer = speculative.DraftModel(draft, draft_cache, read, propose)
    k = settings.draft_tokens
    return (
        lambda prompt, new, sampler: speculative.speculate(
            steps, verify, model, cache, proposer, prompt, new, k, sampler
        ),
        stored(cache) + proposer_bytes,
    )


def stored(module: torch.nn.Module) -> int:
    """Bytes of a module's weights, or of a cache, on this rank; tied weights count once."""
    tensors = [*module.parameters(), *module.buffers()]
    if isinstance(module, Llama):
        tensors = [t for t in tensors if t is not module.cos and t is not module.sin]
    return sum(t.numel() * t.element_size() for t in tensors)


def reads(model: Llama) -> int:
    """Bytes of weights that one decode pass reads on this rank: all but the embedding's table,

    of which one row is read; a tied head reads the whole of it, though.
    """
    embedding = model.embed_tokens.weight
    if model.lm_head.weight is embedding:
        return stored(model)
    return stored(model) - embedding.numel() * embedding.element_size()
