"""Settings to something that generates: model, caches, and steps put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from workshop.llm import attention, native
from workshop.llm.cache import GrowingCache, StaticCache
from workshop.llm.compile import (
    compiled_decode,
    compiled_steps,
    find_compiler,
    how_to_compile,
)
from workshop.llm.fuse import fuse
from workshop.llm.generate import Steps, decode_many, generate_batch
from workshop.llm.model import Llama
from workshop.llm.quantization.int4 import GroupError
from workshop.llm.quantization.pack import pack
from workshop.llm.quantization.quantize import INT8, Quantization
from workshop.llm.ranks import parallel
from workshop.llm.ranks.part import Part, check_divides, kv_heads_of
from workshop.llm.sampling import Sampler
from workshop.llm.speculation.draft import DraftModel, propose_and_verify, self_draft
from workshop.llm.speculation.lookahead import Lookahead
from workshop.llm.speculation.lookup import PromptLookup
from workshop.llm.speculation.speculative import Guesser, speculate, verify
from workshop.llm.text.tokenizer import Tokenizer
from workshop.runner.models import (
    Source,
    config_of,
    find_draft,
    find_model,
    load_model,
    prompt_tokens,
    stop_tokens,
    stored_quantization,
)
from workshop.stages import compose
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


@dataclass(frozen=True)
class Place:
    """Which of the job's processes this one is, and the device it has."""

    device: torch.device
    rank: int = 0
    ranks: int = 1


Generate = Callable[[Sequence[list[int]], int, Sequence[Sampler]], Iterator[list[list[int]]]]


@dataclass(frozen=True)
class Engine:
    """A model ready to generate.

    Attributes:
        prompts: what the settings ask to go on from, as token ids: one for each sequence.
        generate: (prompts, new tokens, samplers) -> new tokens, a row for each sequence, again and
            again.
        at_once: decode passes that come one after the other, whether all are needed or not.
        rarely: the same with graphs that a generation may do without; to be warmed up as well.
        lookahead: how many tokens are guessed in a pass; None where none are.
        bytes_per_pass: bytes of weights that a decode pass reads, over all ranks.
        bytes_per_guess: bytes of weights that a draft reads for each token, over all ranks.
        stop: the tokens that end a text; empty where none does.
        memory_bytes: bytes of weights and KV caches, over all ranks.
        model_bytes: bytes of the model's own weights, over all ranks.
        draft_bytes: bytes of the draft's, on one rank; those of a self-draft that are the model's
            own are counted here as well, but only once in ``memory_bytes``.
    """

    model: Llama
    tokenizer: Tokenizer
    prompts: list[list[int]]
    stop: frozenset[int]
    generate: Generate
    at_once: int
    rarely: list[Generate]
    lookahead: Lookahead | None
    bytes_per_pass: int
    bytes_per_guess: int
    memory_bytes: int
    parameters: int
    draft_parameters: int | None
    model_bytes: int
    draft_bytes: int | None


@dataclass(frozen=True)
class Plan:
    """Settings that go together, with what they refer to; nothing heavy is loaded yet.

    Attributes:
        length: positions of the KV cache: prompt, new tokens and room for what may go past them,
            rounded up, so that there are few lengths and so few graphs.
    """

    source: Source
    draft: Source | None
    tokenizer: Tokenizer
    prompts: list[list[int]]
    length: int

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt."""
        return max(map(len, self.prompts))

    @property
    def ragged(self) -> bool:
        """Whether prompts differ in length."""
        return len(set(map(len, self.prompts))) > 1


def plan(settings: Settings, device: str | None = None) -> Plan:
    """Check that settings can be run, on that kind of device if it is known; reads no weights.

    Raises:
        UsageError: settings that cannot go together, or a prompt that does not fit.
        CheckpointError, TokenizerError: the model's files cannot be used.
        ParallelError: the model cannot be split over so many ranks.
    """
    compose.check(settings, device)
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
    texts = [settings.prompt, *settings.prompts]
    encoded = [prompt_tokens(source, tokenizer, text, settings.chat) for text in texts]
    prompts = [encoded[i % len(texts)] for i in range(compose.sequences(settings))]
    longest = max(map(len, prompts))
    length = cache_length(settings, longest, [source, draft] if draft else [source])
    for used in [source, draft] if draft else [source]:
        check_quantized(settings, used)
    groups = settings.group_size if settings.quantize == "int4" else 1
    check_divides(config, settings.ranks, groups)
    if settings.speculate == "self":
        check_self_draft(settings, source)
    return Plan(source, draft, tokenizer, prompts, length)


def cache_length(settings: Settings, prompt: int, sources: list[Source]) -> int:
    """Positions that a cache needs, rounded up; raises UsageError where a model has fewer."""
    # A proposal may go past the last new token, and so may steps that come in one graph.
    room = settings.draft_tokens + 1 if settings.speculate != "none" else settings.decode_steps - 1
    needed = prompt + settings.new_tokens + room
    shortest = min(sources, key=lambda source: config_of(source).positions)
    context = config_of(shortest).positions
    if needed > context:
        said = " within its sliding window" if context == config_of(shortest).window else ""
        raise UsageError(
            f"a prompt of {prompt} tokens and {settings.new_tokens} new ones need {needed} "
            f"positions, and {shortest.name} has {context}{said}: "
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
    planned = plan(settings, place.device.type)
    if place.device.type == "cpu" and (settings.compile or wants_cpp(settings)):
        find_compiler()
    model = prepare(planned.source, settings, place)
    draft = None
    if planned.draft is not None:  # whole on every rank: it is too small to be worth splitting
        draft = prepare(planned.draft, settings, Place(place.device))
    elif settings.speculate == "self":
        draft = self_draft(model, fewer_bits(settings))
    for each in [model, draft] if draft else [model]:
        finish(each, settings, place.device)
    run, rarely, cache_bytes = runner(settings, place, model, draft, planned)
    stop = stop_tokens(planned.source, planned.tokenizer)
    weights = place.ranks * (stored(model, draft) if draft else stored(model))
    return Engine(
        model=model,
        tokenizer=planned.tokenizer,
        prompts=planned.prompts,
        stop=frozenset() if settings.ignore_eos else stop,
        generate=run,
        at_once=settings.decode_steps,
        rarely=rarely,
        lookahead=lookahead(settings) if settings.speculate != "none" else None,
        bytes_per_pass=place.ranks * reads(model),
        bytes_per_guess=place.ranks * reads(draft) if draft else 0,
        memory_bytes=weights + cache_bytes * place.ranks,
        parameters=model.config.parameters,
        draft_parameters=draft.config.parameters if draft else None,
        model_bytes=stored(model) * place.ranks,
        draft_bytes=stored(draft) if draft else None,
    )


def prepare(source: Source, settings: Settings, place: Place) -> Llama:
    """Load this rank's part of a model, quantised if asked to and not done before."""
    part = Part(place.rank, place.ranks)
    how = quantization(settings)
    model = load_model(source, DTYPES[settings.dtype], place.device, part, how)
    if place.ranks > 1:
        parallel.add_up_over_ranks(model)
    return model


def finish(model: Llama, settings: Settings, device: torch.device) -> None:
    """What comes when nobody goes by the single layers any more, in place."""
    model.attend_by(attention.KINDS[settings.attention])
    if settings.fuse:
        fuse(model)
    if settings.kernels == "triton":  # ours take int4 as it is stored
        from workshop.llm import kernels  # needs Triton, which only torch for a GPU brings along

        kernels.use(model)
        return
    if wants_cpp(settings) or gains_from_cpp(settings, device):
        from workshop.llm.native import products

        products.use(model, settings.kernels == "cpp", settings.activations == "int8")
    pack(model)


def wants_cpp(settings: Settings) -> bool:
    """Whether our C++ kernels were asked for."""
    return settings.kernels == "cpp" or settings.activations == "int8"


def gains_from_cpp(settings: Settings, device: torch.device) -> bool:
    """Whether our C++ kernels multiply unasked: in a compiled step on a CPU that reads several

    tokens, in a dtype that they know, where they compile.
    """
    several = settings.speculate != "none" or 1 < compose.sequences(settings) <= native.MOST_TOKENS
    known = DTYPES[settings.dtype] in native.DTYPES
    return several and settings.compile and device.type == "cpu" and known and native.compiles()


def fewer_bits(settings: Settings) -> Quantization:
    """How a model's own copy is stored to draft for it."""
    return Quantization("int4", settings.group_size) if settings.quantize == "int8" else INT8


def lookahead(settings: Settings) -> Lookahead:
    return Lookahead(settings.draft_tokens, settings.adaptive)


def check_quantized(settings: Settings, source: Source) -> None:
    """Raises UsageError where a model is not, or cannot be, quantised as the settings say."""
    stored, wanted = stored_quantization(source), quantization(settings)
    if stored is not None and stored != wanted:
        raise UsageError(
            f"{source.directory} is an {stored} checkpoint: add {stored.options}, "
            "or name the checkpoint that it was made from"
        )
    if wanted is not None:
        try:
            wanted.check(config_of(source))
        except GroupError as error:
            raise UsageError(f"{source.name}: {error}") from None


def check_self_draft(settings: Settings, source: Source) -> None:
    """Raises UsageError, ParallelError where a model's layers do not make whole groups of int4."""
    how = fewer_bits(settings)
    if how.method == "int4":
        try:
            check_divides(config_of(source), settings.ranks, how.group_size)
        except GroupError as error:
            raise UsageError(f"{source.name} as its own draft, in int4: {error}") from None


def quantization(settings: Settings) -> Quantization | None:
    """How the settings want the linear layers stored."""
    if settings.quantize == "none":
        return None
    if settings.quantize == "int8":
        return INT8
    return Quantization("int4", settings.group_size)


def runner(
    settings: Settings,
    place: Place,
    model: Llama,
    draft: Llama | None,
    planned: Plan,
) -> tuple[Generate, list[Generate], int]:
    """What generates; the same with its rare graphs; and the bytes of its full KV caches here."""
    dtype = DTYPES[settings.dtype]
    batch, at_once = len(planned.prompts), settings.decode_steps
    how = how_to_compile(settings.compile_mode, place.device)
    steps = Steps(decode=decode_many(at_once), at_once=at_once)
    if settings.compile:
        steps = compiled_steps(at_once, how)

    def static_cache(of: Llama, ranks: int = 1) -> StaticCache:
        made = StaticCache(of.config, batch, planned.length, dtype, ranks, planned.ragged)
        return made.to(place.device)

    def plainly(cache: GrowingCache | StaticCache) -> Generate:
        return lambda prompts, new, samplers: generate_batch(
            steps, model, cache, prompts, new, samplers
        )

    if not settings.static_cache:
        full = planned.longest + settings.new_tokens
        share = kv_heads_of(model.config, place.ranks) / model.config.kv_heads
        cache_bytes = int(model.config.kv_cache_bytes(batch, full, dtype.itemsize) * share)
        return plainly(GrowingCache(model.config)), [], cache_bytes

    cache = static_cache(model, place.ranks)
    if settings.speculate == "none":
        return plainly(cache), [], stored(cache)

    guesser: Guesser
    caches = [cache]
    if draft is None:
        guesser = PromptLookup(run=compiled_decode(verify, how) if settings.compile else verify)
    else:
        # A self-draft is split as the model is.
        caches.append(static_cache(draft, place.ranks if settings.speculate == "self" else 1))
        both = propose_and_verify
        if settings.compile:
            both = compiled_decode(both, how)
        guesser = DraftModel(draft, caches[-1], steps, both)

    def speculating(ahead: Lookahead) -> Generate:
        return lambda prompts, new, samplers: (
            [tokens]  # of the one sequence that there is
            for tokens in speculate(
                steps, model, cache, guesser, prompts[0], new, ahead, samplers[0]
            )
        )

    ahead = lookahead(settings)
    rarely = [speculating(Lookahead(k)) for k in ahead.sizes] if settings.adaptive else []
    return speculating(ahead), rarely, stored(*caches)


def stored(*modules: torch.nn.Module) -> int:
    """Bytes of modules' weights, or of caches, on this rank; shared tensors count once."""
    tables = {id(t) for m in modules if isinstance(m, Llama) for t in (m.cos, m.sin)}
    tensors = {id(t): t for module in modules for t in [*module.parameters(), *module.buffers()]}
    return sum(t.numel() * t.element_size() for i, t in tensors.items() if i not in tables)


def reads(model: Llama) -> int:
    """Bytes of weights that one decode pass reads on this rank: all but the embedding's table,

    of which one row is read; a tied head reads the whole of it, though.
    """
    embedding = model.embed_tokens.weight
    if model.lm_head.weight is embedding:
        return stored(model)
    return stored(model) - embedding.numel() * embedding.element_size()
