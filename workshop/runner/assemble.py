"""Settings to something that generates: model, caches, and steps put together."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from workshop.llm import attention, native
from workshop.llm.compile import find_compiler
from workshop.llm.fuse import fuse
from workshop.llm.model import Llama
from workshop.llm.quantization.pack import pack
from workshop.llm.ranks import parallel
from workshop.llm.ranks.part import Part
from workshop.llm.speculation.draft import self_draft
from workshop.llm.speculation.lookahead import Lookahead
from workshop.llm.text.tokenizer import Tokenizer
from workshop.runner.generation import Generate, generation
from workshop.runner.models import Source, load_model, stop_tokens
from workshop.runner.plan import DTYPES, fewer_bits, lookahead, plan, quantization
from workshop.runner.sizes import reads, stored
from workshop.stages import compose
from workshop.stages.settings import Settings


@dataclass(frozen=True)
class Place:
    """The device that this process computes on, and its rank among those that share the model."""

    device: torch.device
    rank: int = 0
    ranks: int = 1


@dataclass(frozen=True)
class Engine:
    """A model ready to generate.

    Attributes:
        prompts: what the settings ask to go on from, as token ids: one for each sequence.
        generate: (prompts, new tokens, samplers) -> new tokens, a row for each sequence, again and
            again.
        at_once: decode passes that come one after the other, whether all are needed or not.
        adaptive_variants: the same with graphs that a generation may do without; the warm-up
            runs them as well.
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
    adaptive_variants: list[Generate]
    lookahead: Lookahead | None
    bytes_per_pass: int
    bytes_per_guess: int
    memory_bytes: int
    parameters: int
    draft_parameters: int | None
    model_bytes: int
    draft_bytes: int | None


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
    made = generation(settings, planned, model, draft, place.device, place.ranks)
    stop = stop_tokens(planned.source, planned.tokenizer)
    weights = place.ranks * (stored(model, draft) if draft else stored(model))
    return Engine(
        model=model,
        tokenizer=planned.tokenizer,
        prompts=planned.prompts,
        stop=frozenset() if settings.ignore_eos else stop,
        generate=made.generate,
        at_once=settings.decode_steps,
        adaptive_variants=made.adaptive_variants,
        lookahead=lookahead(settings) if settings.speculate != "none" else None,
        bytes_per_pass=place.ranks * reads(model),
        bytes_per_guess=place.ranks * reads(draft) if draft else 0,
        memory_bytes=weights + made.cache_bytes * place.ranks,
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
