"""Settings to a plan: what they refer to, and whether that goes together; reads no weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from workshop.llm.config import Config
from workshop.llm.quantization.int4 import GroupError
from workshop.llm.quantization.quantize import INT8, Quantization
from workshop.llm.ranks.part import check_divides
from workshop.llm.speculation.lookahead import Lookahead
from workshop.llm.text.tokenizer import Tokenizer
from workshop.runner.models import (
    Source,
    config_of,
    find_draft,
    find_model,
    prompt_tokens,
    stored_quantization,
)
from workshop.stages import compose
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


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
    if tokenizer.trained > config.vocab:
        raise UsageError(
            f"{source.tokenizer} has {tokenizer.trained} pieces and the model {config.vocab}: "
            "this is not the tokenizer that the model was trained with"
        )
    draft = None
    if settings.speculate == "draft":
        draft = find_draft(settings.model, settings.draft)
        check_draft(draft, source)
    texts = [settings.prompt, *settings.prompts]
    encoded = [prompt_tokens(source, tokenizer, text, settings.chat) for text in texts]
    check_known(encoded, tokenizer, source, config)
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


def check_known(
    encoded: list[list[int]], tokenizer: Tokenizer, source: Source, config: Config
) -> None:
    """Raises UsageError where a prompt has a token that the model lacks."""
    largest = max(map(max, filter(None, encoded)), default=0)
    if largest >= config.vocab:
        raise UsageError(
            f"{source.tokenizer} gives {tokenizer.name(largest)!r} the id {largest}, and the model "
            f"has {config.vocab} tokens: this is not the tokenizer that the model was trained with"
        )


def cache_length(settings: Settings, prompt: int, sources: list[Source]) -> int:
    """Positions that a cache needs, rounded up; raises UsageError where a model has fewer."""
    # A proposal may go past the last new token, and so may steps that come in one graph.
    room = settings.draft_tokens + 1 if settings.speculate != "none" else settings.decode_steps - 1
    needed = prompt + settings.new_tokens + room
    shortest = min(sources, key=lambda source: config_of(source).positions)
    context = config_of(shortest).positions
    if needed > context:
        window = " within its sliding window" if context == config_of(shortest).window else ""
        raise UsageError(
            f"a prompt of {prompt} tokens and {settings.new_tokens} new ones need {needed} "
            f"positions, and {shortest.name} has {context}{window}: "
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
    if settings.quantize == "int4":
        return Quantization("int4", settings.group_size)
    raise UsageError(f"no engine stores weights as --quantize {settings.quantize} says")


def fewer_bits(settings: Settings) -> Quantization:
    """How a model's own copy is stored to draft for it."""
    return Quantization("int4", settings.group_size) if settings.quantize == "int8" else INT8


def lookahead(settings: Settings) -> Lookahead:
    """How many tokens the settings have guessed in a pass."""
    return Lookahead(settings.draft_tokens, settings.adaptive)
